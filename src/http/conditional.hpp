#pragma once
// Conditional requests: whether to answer, by the state of what is asked for (RFC 9110 section 13).

#include <cstdint>
#include <optional>
#include <string_view>

#include <aft/http/message.hpp>

namespace aft::http {

// What the request is about, as it is now.
struct representation {
  bool exists = true;
  std::string_view etag{};  // as its ETag line gives it: "\"a1\"" or "W/\"a1\""; empty: none
  // Unix seconds. A file that may change again within the same second is better off without:
  // two versions would share the date.
  std::optional<std::int64_t> last_modified{};
};

// The values of the request's header lines; several lines of a name joined by commas.
struct request_conditions {
  std::optional<std::string_view> if_match{};
  std::optional<std::string_view> if_none_match{};
  std::optional<std::string_view> if_modified_since{};
  std::optional<std::string_view> if_unmodified_since{};
  std::optional<std::string_view> if_range{};
  std::int64_t now = 0;  // unix seconds; see read_http_date
};

enum class condition_verdict {
  proceed,
  not_modified,         // 304
  precondition_failed,  // 412
};

struct condition_outcome {
  condition_verdict verdict = condition_verdict::proceed;
  bool range_applies = false;  // where there is a Range line
  friend bool operator==(const condition_outcome&, const condition_outcome&) = default;
};

// Decides in the order of section 13.2.2. A date that is none is not there. A list of entity tags
// that is malformed anywhere matches nothing; where the request would change something it fails
// the condition, so that nothing is overwritten by mistake.
[[nodiscard]] condition_outcome check_conditions(aft::method method, const representation& current,
                                                 const request_conditions& conditions);

}  // namespace aft::http
