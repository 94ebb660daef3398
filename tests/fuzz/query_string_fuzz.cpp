// Query strings and paths from strangers.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <aft/ground/query_string.hpp>
#include <aft/ground/text.hpp>
#include <aft/ground/time.hpp>

#include "http/path.hpp"

namespace {

struct search {
  std::optional<int> i;
  std::optional<double> d;
  std::optional<aft::email> e;
  std::optional<aft::time_point> at;
  std::vector<aft::text<0, 9>> tags;
  bool yes = false;
};

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  auto read = aft::query_string::read<search>(text);
  if (read) {
    auto again = aft::query_string::read<search>(aft::query_string::write(*read));
    check(bool(again));
    check(again->tags.size() == read->tags.size());
  } else {
    check(aft::json::valid(aft::json::write(read.reason())));
  }
  std::string decoded;
  if (aft::percent_decode(text, decoded)) {
    std::string back;
    check(aft::percent_decode(aft::percent_encode(decoded), back));
    check(back == decoded);
  }
  for (unsigned char c : text) {
    if (c <= ' ' || c >= 127) return 0;  // the parser lets none of these into a path
  }
  auto path = "/" + text;
  path.reserve(path.size() + 16);  // which splitting may read
  aft::buffer room, rest_room;
  aft::http::path_segments segments;
  if (aft::http::split_path(path, room, segments) == aft::http::path_verdict::ok) {
    for (unsigned i = 0; i < segments.count; ++i) {
      check(segments.text[i] != ".." && segments.text[i].find('\0') == std::string_view::npos);
      std::string_view rest;
      if (aft::http::join_rest(segments, i, rest_room, rest)) {
        check(("/" + std::string(rest) + "/").find("/../") == std::string::npos);
      }
    }
  }
  return 0;
}
