#pragma once
// A second claim beside that of the pump, where others may write at the same time: while one waits
// for the server, the server works on the other one.

#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "../storage/unit.hpp"
#include "runner.hpp"

namespace aft::jobs {

// What claims that are under way may take, so that two do not fill the same room.
class room_promise {
 public:
  explicit room_promise(runner& of) : of_(of) {}
  room_promise(const room_promise&) = delete;
  room_promise& operator=(const room_promise&) = delete;
  ~room_promise() { end(); }

  // As it is now; what was promised before is over. No less than that of a crew.
  const std::vector<crew_room>& renew(std::size_t least = 1);
  const std::vector<crew_room>& rooms() const { return rooms_; }
  void end();

 private:
  void give_back();  // with the mutex held

  runner& of_;
  std::vector<crew_room> rooms_{};
};

// Of queues that had more than the claim before it could take, and again while there is much room
// for that.
class second_claim final : public storage::unit {
 public:
  second_claim(runner& owner, std::vector<std::string> queues);

  // Whether there is much room; before each time that it is submitted.
  bool has_room();

  bool run(transaction& tx) override;
  bool may_run_again() const override { return true; }
  waker* done(std::exception_ptr failure) noexcept override;

 private:
  runner& owner_;
  std::vector<std::string> queues_;
  std::int64_t worker_ = 0;
  room_promise room_;
  runner::round found_{};
};

}  // namespace aft::jobs
