#pragma once
// Files as answers: one that a handler chooses, or a whole directory (see routes::files).

#include <span>
#include <string>
#include <string_view>

#include <aft/http/handler.hpp>

namespace aft {

struct file_options {
  std::string index = "index.html";  // of a directory; empty: none
  // For programs that run in the browser and keep their own paths: what is not there, and looks
  // like no file (nothing after the last slash has a dot), is answered with the index at the root.
  bool single_page = false;
  bool precompressed = true;  // a sibling with .br, .zst or .gz is sent to who takes it
  bool dot_files = false;     // names that begin with a dot; .well-known always is there
  std::string cache_control = "no-cache";  // to be asked about each time; empty: none is sent
};

// A file that a handler returns. Ranges, conditions and HEAD are answered as RFC 9110 says. The
// path is the host's own word: it is opened as it is. What is no regular file is 404.
class file {
 public:
  explicit file(std::string path) : path_(std::move(path)) {}
  file&& type(std::string content_type) &&;  // instead of the one its name says
  file&& download_as(std::string name) &&;   // to be saved under this name, not shown
  file&& cached(std::string cache_control) &&;

  static constexpr http::result_info answer_info{http::content::custom, nullptr, 200, false};
  void answer(http::call& c) &&;

 private:
  std::string path_, content_type_{}, download_as_{}, cache_control_ = "no-cache";
};

// A file in the program itself; see aft_embed in the CMake package.
struct embedded_file {
  std::string_view path;  // without a slash at its beginning
  std::string_view content;
  std::string_view etag;  // quoted
};

}  // namespace aft
