#pragma once
// Somebody who has just logged in.

#include <string>
#include <vector>

#include "guard.hpp"

namespace aft::guarding {

struct signed_in {
  auth::account who;
  std::string token;           // of the session
  std::string device{};        // empty: it was known
  bool awaits_second = false;  // factor
};

// Values of Set-Cookie.
std::vector<std::string> cookies_of(const guard& g, const signed_in& in);

}  // namespace aft::guarding
