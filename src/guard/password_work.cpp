#include "password_work.hpp"

#include <chrono>

namespace aft::guarding {
namespace {

// Tells the histogram how long it lived.
class measured {
 public:
  explicit measured(histogram& to) : to_(to) {}
  measured(const measured&) = delete;
  measured& operator=(const measured&) = delete;
  ~measured() {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began_;
    to_.observe(took.count());
  }

 private:
  histogram& to_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace

password_work::password_work(const accounts& options, metrics& numbers)
    : options_(options), decoy_(auth::decoy_password(options.pepper, options.cost)),
      times_(numbers.distribution(
          {"aft.auth.password.hash.duration", "Time of the hashing of one password.", "s"},
          database_buckets())) {}

bool password_work::check(std::string_view stored, std::string_view password) const {
  const measured time(times_);
  const bool is_there = !stored.empty();
  return auth::check_password(is_there ? stored : decoy_, password, options_.pepper) && is_there;
}

std::string password_work::store(std::string_view password) const {
  const measured time(times_);
  return auth::store_password(password, options_.pepper, options_.cost);
}

}  // namespace aft::guarding
