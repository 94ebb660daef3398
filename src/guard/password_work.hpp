#pragma once
// The hashing of passwords: the same work whether there is an account or not, and measured.

#include <string>
#include <string_view>

#include <aft/ground/metrics.hpp>
#include <aft/guard/accounts.hpp>

namespace aft::guarding {

// Any thread that may wait. The options and the metrics outlive it.
class password_work {
 public:
  password_work(const accounts& options, metrics& numbers);

  // `stored` is empty where there is no account, or none with a password: false then, too.
  bool check(std::string_view stored, std::string_view password) const;
  std::string store(std::string_view password) const;
  bool needs_storing_anew(std::string_view stored) const {
    return auth::needs_storing_anew(stored, options_.pepper, options_.cost);
  }

 private:
  const accounts& options_;
  const std::string decoy_;
  histogram& times_;
};

}  // namespace aft::guarding
