// The values of Range, If-*, Accept-* and dates from strangers: never a crash, no byte twice, and
// nothing chosen that is not there. The first byte says which is read.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "http/accept.hpp"
#include "http/conditional.hpp"
#include "http/http_date.hpp"
#include "http/media_type.hpp"
#include "http/range.hpp"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

void try_range(std::string_view value, std::uint64_t size) {
  const auto set = aft::http::read_range(value, size);
  check((set.verdict == aft::http::range_verdict::ranges) == (set.count > 0));
  auto ranges = std::vector(set.view().begin(), set.view().end());
  std::sort(ranges.begin(), ranges.end(), [](auto a, auto b) { return a.first < b.first; });
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    check(ranges[i].first <= ranges[i].last && ranges[i].last < size);
    check(i == 0 || ranges[i].first > ranges[i - 1].last + 1);
  }
  // Said again, they are the same.
  std::string again = "bytes=";
  for (const auto& r : set.view()) {
    again += std::to_string(r.first) + "-" + std::to_string(r.last) + ",";
  }
  const auto second = aft::http::read_range(again, size);
  check(
      std::equal(set.view().begin(), set.view().end(), second.view().begin(), second.view().end()));
}

// Two header values, one after the other, at each method and each representation.
void try_conditions(std::string_view text) {
  const auto line_end = text.find('\n');
  const auto first = text.substr(0, line_end);
  const auto second = line_end == text.npos ? first : text.substr(line_end + 1);
  for (auto method : {aft::method::get, aft::method::head, aft::method::put}) {
    for (const auto& current : {aft::http::representation{},
                                {.exists = false},
                                {.etag = "\"a\"", .last_modified = 784'111'777},
                                {.etag = "W/\"a\""}}) {
      const bool is_get = method == aft::method::get;
      const auto known = aft::http::check_conditions(
          method, current, {.if_none_match = first, .if_modified_since = second});
      check(known.verdict != aft::http::condition_verdict::not_modified ||
            (method != aft::method::put && current.exists));
      const auto expected = aft::http::check_conditions(
          method, current, {.if_match = first, .if_unmodified_since = second, .if_range = second});
      check(expected.verdict != aft::http::condition_verdict::not_modified);
      check(expected.verdict == aft::http::condition_verdict::precondition_failed ||
            current.exists);
      for (const auto& outcome : {known, expected}) {
        const bool proceeds = outcome.verdict == aft::http::condition_verdict::proceed;
        check(!outcome.range_applies || (is_get && proceeds && current.exists));
      }
    }
  }
}

void try_date(std::string_view text) {
  const auto date = aft::http::read_http_date(text, 1'790'000'000);
  if (!date) return;
  char written[aft::http::http_date_size];
  check(aft::http::write_http_date(written, *date) == written + sizeof written);
  // A leap second at the end of the last year is the one that cannot be written.
  check(aft::http::read_http_date({written, sizeof written}, 0).value() ==
        std::min<std::int64_t>(*date, 253'402'300'799));
}

using chooser = std::optional<std::size_t> (*)(std::optional<std::string_view>, aft::http::offers);

// What is chosen does not depend on what is less liked.
void try_accept(chooser choose, std::string_view line, std::vector<std::string_view> offered) {
  const auto chosen = choose(line, offered);
  if (!chosen) {
    for (auto offer : offered) check(!choose(line, std::vector{offer}));
    return;
  }
  check(*chosen < offered.size());
  check(choose(line, std::vector{offered[*chosen]}) == 0u);
  std::rotate(offered.begin(), offered.begin() + std::ptrdiff_t(*chosen), offered.end());
  check(choose(line, offered) == 0u);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 8) {
    case 0: try_range(text, 1000); break;
    case 1: try_range(text, size); break;
    case 2: try_range(text, UINT64_MAX); break;
    case 3: try_conditions(text); break;
    case 4: try_date(text); break;
    case 5: try_accept(aft::http::choose_encoding, text, {"br", "zstd", "gzip", "identity"}); break;
    case 6:
      try_accept(
          aft::http::choose_media_type, text,
          {"application/json", "text/html; charset=utf-8", "text/html;level=\"1\"", "image/png"});
      break;
    case 7:
      try_accept(aft::http::choose_language, text, {"en", "de-CH", "zh-Hant-TW", "pt-BR"});
      break;
  }
  (void)aft::http::is_compressible(text);
  check(!aft::http::media_type_of(text).empty());
  return 0;
}
