#pragma once
// The parts of multipart/form-data (RFC 7578, RFC 2046 section 5.1), read as the bytes come.
//
//   const auto boundary = aft::multipart_boundary(request.header("Content-Type").value_or(""));
//   if (!boundary) return unsupported_media_type;
//   aft::multipart_reader reader(*boundary, {.on_part = ..., .on_data = ..., .on_part_end = ...});
//   if (reader.write(bytes) != aft::multipart_verdict::ok) return bad_request(reader.why());
//   ...                                 // more of them, however they are cut
//   if (reader.finish() != aft::multipart_verdict::ok) return bad_request(reader.why());
//
// Lines end in CRLF. Each part says "Content-Disposition: form-data" with a name, once. Heads are
// UTF-8 without control characters; a header that is folded over several lines is taken as one.
// What stands before the first boundary and after the closing one is skipped. Contents are given as
// they were sent: a Content-Transfer-Encoding is not undone, and a part that is multipart itself is
// not looked into.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <aft/ground/function.hpp>

namespace aft {

// The boundary that a Content-Type gives; empty unless it is multipart/form-data with one boundary
// of 1 to 70 of the characters of RFC 2046 section 5.1.1, quoted or not.
std::optional<std::string> multipart_boundary(std::string_view content_type);

struct multipart_limits {
  std::size_t max_parts = 1000;
  std::size_t max_part_head = 8 * 1024;           // bytes of one part's headers, kept in memory
  std::size_t max_part_bytes = 10 * 1024 * 1024;  // bytes of one part's content
  std::size_t max_bytes = 64 * 1024 * 1024;       // bytes of all contents together
};

struct part_head {
  std::string name{};  // UTF-8; may be empty

  // Of a file, in UTF-8; "" where a browser's user chose none. What follows the last / or \ alone,
  // so never a path, nor "." nor "..", and without NUL; do not trust it for more. filename*
  // (RFC 8187, in UTF-8) goes before filename. What browsers write as \" \\ %22 %0D %0A is undone,
  // here and in the name.
  std::optional<std::string> filename{};

  std::string content_type = "text/plain";  // as sent, with its parameters
};

// Called by write(), in the order on_part, any number of on_data, on_part_end; may block where its
// caller may. An empty one is not called. An exception leaves write() and ends the reading.
struct multipart_sink {
  function<void(const part_head&)> on_part{};
  function<void(std::string_view)> on_data{};  // never empty; lives until the call returns
  function<void()> on_part_end{};
};

enum class multipart_verdict : std::uint8_t {
  ok,
  malformed,
  too_many_parts,
  head_too_large,
  part_too_large,  // its content up to the limit was handed on
  too_large,       // all contents together; likewise
  unfinished,      // finish() came before the closing boundary
  abandoned,       // a callback threw
};

// Keeps no more than the head of one part. One thread at a time.
class multipart_reader {
 public:
  // The boundary is one of multipart_boundary(); throws aft::error for what cannot be one.
  multipart_reader(std::string_view boundary, multipart_sink sink, multipart_limits limits = {});

  // Takes the next bytes, any number. Once it refuses, it goes on refusing with the same verdict.
  [[nodiscard]] multipart_verdict write(std::string_view bytes);

  // No more bytes will come. A part that has had no on_part_end by now is not whole.
  [[nodiscard]] multipart_verdict finish();

  // Why it refused, for people: "a part without a name". Lives for ever; empty while all is well.
  std::string_view why() const { return why_; }

 private:
  enum class place : std::uint8_t {
    preamble,
    content,
    boundary,  // right after one
    dash,      // after the first one that follows a boundary
    padding,   // spaces, then CR
    line_feed,
    head,
    epilogue,
  };

  multipart_verdict read(std::string_view bytes);
  multipart_verdict seek_boundary(std::string_view& bytes);
  multipart_verdict hand_on(std::string_view data);
  multipart_verdict read_boundary_line(std::string_view& bytes);
  multipart_verdict read_head(std::string_view& bytes);
  multipart_verdict refuse(multipart_verdict verdict, std::string_view why);
  void expect_boundary(place at);
  void end_content();

  multipart_sink sink_;
  multipart_limits limits_;
  std::string delimiter_;     // CRLF, "--" and the boundary
  std::string head_{};        // of the part, as far as it has come
  std::size_t line_ = 0;      // where the last line of it begins
  std::size_t matched_ = 2;   // bytes of the delimiter that the bytes so far end with
  std::size_t borrowed_ = 2;  // of those, the ones that are no content
  std::size_t parts_ = 0, part_bytes_ = 0, bytes_ = 0;
  std::string_view why_{};
  multipart_verdict verdict_ = multipart_verdict::ok;
  place at_ = place::preamble;
};

}  // namespace aft
