#pragma once
// What an HTML form sends: fields in memory, files on the disk.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/http/multipart.hpp>
#include <aft/http/temporary_file.hpp>

namespace aft {

class request;

struct form_options {
  multipart_limits limits{};                   // of parts, and of files
  std::size_t max_files = 32;                  // each is an open descriptor: 413
  std::size_t max_field_bytes = 64 * 1024;     // of one field that is no file: 413
  std::size_t max_fields_bytes = 1024 * 1024;  // of all of them
  std::string directory = "/tmp";              // where files lie while the handler runs
};

struct form_field {
  std::string name;
  std::string value;
};

struct form_file {
  std::string name;          // of the field
  std::string filename;      // as the client calls it; never a path
  std::string content_type;  // as the client says
  temporary_file content;
};

// multipart/form-data or application/x-www-form-urlencoded, read as it comes: take it with
// aft::body_into<aft::form_data>, and raise the route's max_body for files. The route's max_body
// and the limits here hold both. With options of its own:
//   struct photos : aft::form_data {
//     explicit photos(const aft::request& r) : form_data(r, {.directory = "/var/lib/photos"}) {}
//   };
class form_data {
 public:
  explicit form_data(const request& r, form_options options = {});  // throws problem 415
  form_data(form_data&& read) noexcept;                             // after its end
  form_data& operator=(form_data&&) = delete;
  ~form_data();

  const std::vector<form_field>& fields() const { return fields_; }
  const std::vector<form_file>& files() const { return files_; }
  std::optional<std::string_view> field(std::string_view name) const;  // the first of that name
  const form_file* file(std::string_view name) const;                  // likewise, or null

  // For the library: the body, and its end. They throw problems (400, 413).
  void write(std::string_view bytes);
  void end();
  static constexpr std::string_view body_type = "multipart/form-data";

 private:
  void begin_part(const part_head& head);
  void add_data(std::string_view data);
  void read_pairs();

  form_options options_;
  multipart_reader* reader_ = nullptr;  // null for url-encoded ones
  std::string pairs_{};                 // of those
  std::vector<form_field> fields_{};
  std::vector<form_file> files_{};
  std::size_t fields_bytes_ = 0;
  bool in_file_ = false;
};

}  // namespace aft
