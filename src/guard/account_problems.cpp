#include "account_problems.hpp"

#include <fmt/format.h>

namespace aft::guarding {

problem too_many(duration wait) {
  problem p{429, "too many attempts; try again later"};
  p.code = "too_many_attempts";
  p.retry_after_seconds = int((wait.in_milliseconds() + 999) / 1000);
  return p;
}

problem wrong_credentials() {
  problem p{401, "the e-mail address or the password is wrong"};
  p.code = "wrong_credentials";
  return p;
}

problem useless_token() {
  problem p{400, "the link was used already, is too old, or was not copied as a whole"};
  p.code = "useless_token";
  return p;
}

std::vector<auth::throttle_key> for_address(const request& r, std::string_view what,
                                            const auth::throttle_rule& rule) {
  const auto address = auth::address_key(r.client());
  if (address.empty()) return {};
  return {{fmt::format("{}/{}", what, address), rule}};
}

}  // namespace aft::guarding
