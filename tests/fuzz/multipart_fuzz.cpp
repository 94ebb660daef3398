// Forms from strangers: never a crash, the same parts however the bytes are cut, no more data than
// there were bytes, and a filename that is no path. The input is the size of the pieces in a byte,
// a Content-Type up to LF, and the body.

#include <cstdint>
#include <cstdlib>
#include <string>

#include <aft/http/multipart.hpp>

#include "ground/utf8.hpp"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

struct outcome {
  std::string events{};  // without where one piece of data ends and the next begins
  std::size_t data = 0;  // bytes
  std::size_t open_parts = 0;
  aft::multipart_verdict end{};
  std::string_view why{};

  bool operator==(const outcome&) const = default;
};

void check_head(const aft::part_head& head, const aft::multipart_limits& limits) {
  check(aft::detail::is_utf8(head.name) && aft::detail::is_utf8(head.content_type));
  check(head.name.size() <= limits.max_part_head);
  check(head.content_type.find_first_of("\r\n\0", 0, 3) == std::string::npos);
  if (!head.filename) return;
  check(aft::detail::is_utf8(*head.filename));
  check(head.filename->size() <= limits.max_part_head);
  check(head.filename->find_first_of("/\\\0", 0, 3) == std::string::npos);
  check(*head.filename != "." && *head.filename != "..");
}

outcome read(std::string_view boundary, std::string_view body, std::size_t piece,
             const aft::multipart_limits& limits) {
  outcome out;
  aft::multipart_sink sink{.on_part =
                               [&](const aft::part_head& head) {
                                 check_head(head, limits);
                                 check(out.open_parts++ == 0);
                                 out.events += "[" + head.name + "|" +
                                               head.filename.value_or("(none)") + "|" +
                                               head.content_type + "]";
                               },
                           .on_data =
                               [&](std::string_view data) {
                                 check(out.open_parts == 1 && !data.empty());
                                 out.data += data.size();
                                 out.events += data;
                               },
                           .on_part_end =
                               [&] {
                                 check(out.open_parts-- == 1);
                                 out.events += "[end]";
                               }};
  aft::multipart_reader reader(boundary, std::move(sink), limits);
  while (!body.empty()) {
    const std::string part(body.substr(0, piece));  // of its own, so that reading beyond it shows
    body.remove_prefix(part.size());
    if (reader.write(part) != aft::multipart_verdict::ok) break;
  }
  out.end = reader.finish();
  out.why = reader.why();
  check((out.end == aft::multipart_verdict::ok) == out.why.empty());
  check(out.end != aft::multipart_verdict::ok || out.open_parts == 0);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = data[0] + 1u;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto type = text.substr(0, text.find('\n'));
  const auto boundary = aft::multipart_boundary(type);
  if (!boundary) return 0;
  check(!boundary->empty() && boundary->size() <= 70);
  const auto body = text.substr(std::min(type.size() + 1, text.size()));
  const aft::multipart_limits small{
      .max_parts = 3, .max_part_head = 200, .max_part_bytes = 20, .max_bytes = 40};
  for (const auto& limits : {aft::multipart_limits{}, small}) {
    const auto whole = read(*boundary, body, std::string_view::npos, limits);
    check(whole == read(*boundary, body, piece, limits));
    check(whole == read(*boundary, body, 1, limits));
    check(whole.data <= body.size() && whole.data <= limits.max_bytes);
  }
  return 0;
}
