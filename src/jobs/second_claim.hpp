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

// What a claim that is under way may take, so that nothing else fills the same room.
class room_promise {
 public:
  explicit room_promise(runner& of) : of_(of) {}
  room_promise(const room_promise&) = delete;
  room_promise& operator=(const room_promise&) = delete;
  ~room_promise();

  // As it is now; what was promised before is over. No less than that of a crew.
  std::vector<crew_room> renew(std::size_t least = 1);
  void settle(const std::vector<stored_job>& claimed);  // that is all it takes
  void give_back();                                     // with the runner's mutex held

 private:
  runner& of_;
  std::vector<std::size_t> promised_{};  // to its crews
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
