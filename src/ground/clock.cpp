#include <aft/ground/clock.hpp>

#include <chrono>

namespace aft {

time_point clock::now() const { return std::chrono::system_clock::now(); }

duration clock::steady() const {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return microseconds(std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

manual_clock::manual_clock(time_point start)
    : microseconds_(start.since_1970().in_microseconds()) {}

time_point manual_clock::now() const {
  return time_point(microseconds(__atomic_load_n(&microseconds_, __ATOMIC_ACQUIRE)));
}
duration manual_clock::steady() const {
  return microseconds(__atomic_load_n(&steady_, __ATOMIC_ACQUIRE));
}
void manual_clock::set(time_point moment) {
  __atomic_store_n(&microseconds_, moment.since_1970().in_microseconds(), __ATOMIC_RELEASE);
}
void manual_clock::advance(duration by) {
  __atomic_fetch_add(&steady_, by.in_microseconds(), __ATOMIC_ACQ_REL);
  __atomic_fetch_add(&microseconds_, by.in_microseconds(), __ATOMIC_ACQ_REL);
}

}  // namespace aft
