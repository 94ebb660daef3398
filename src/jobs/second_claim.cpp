#include "second_claim.hpp"

#include <utility>

#include <fmt/format.h>

#include <aft/jobs/control.hpp>

#include "../storage/database.hpp"

namespace aft::jobs {
namespace {

constexpr std::size_t least_room = 50;  // for which it is worth a transaction

}  // namespace

const std::vector<crew_room>& room_promise::renew() {
  std::lock_guard lock(of_.mutex_);
  give_back();
  for (auto& c : of_.crews_) {
    rooms_.push_back(room_of(*c));
    c->promised += rooms_.back().left;
  }
  return rooms_;
}

void room_promise::end() {
  std::lock_guard lock(of_.mutex_);
  give_back();
}

void room_promise::give_back() {
  for (std::size_t i = 0; i < rooms_.size(); ++i) of_.crews_[i]->promised -= rooms_[i].left;
  rooms_.clear();
}

second_claim::second_claim(runner& owner, std::vector<std::string> queues)
    : owner_(owner), queues_(std::move(queues)), room_(owner) {
  isolated = runner::enough;
}

bool second_claim::run(transaction& tx) {
  found_ = {};
  found_.rooms = room_.renew();
  for (auto& room : found_.rooms) {
    room.least = 0;
    if (room.left < least_room) room.left = 0;
  }
  worker_ = owner_.worker_;
  if (!begin_claim(tx, worker_).is_worker) return true;
  for (const auto& name : paused(tx)) std::erase(queues_, name);
  owner_.take(tx, queues_, worker_, found_);
  return true;
}

waker* second_claim::done(std::exception_ptr failure) noexcept {
  bool again = false;
  if (failure) {
    owner_.claim_failed(failure);
  } else {
    again = !found_.claimed.empty() && !found_.cut_short.empty();
    owner_.dispatch(std::move(found_.claimed), worker_);
  }
  room_.end();
  if (again && owner_.goes_on() && owner_.db_.inside().submit(*this)) return nullptr;
  auto& owner = owner_;
  delete this;
  owner.second_claim_ended();
  return nullptr;
}

// ---- the runner's part

void runner::begin_second_claim() {
  {
    std::lock_guard lock(mutex_);
    if (stopping_ || is_claiming_beside_) return;
    is_claiming_beside_ = true;
  }
  auto* const claim = new second_claim(*this, cut_short_);
  if (db_.inside().submit(*claim)) return;
  delete claim;
  second_claim_ended();
}

bool runner::goes_on() {
  std::lock_guard lock(mutex_);
  return !stopping_;
}

void runner::claim_failed(const std::exception_ptr& why) {
  try {
    std::rethrow_exception(why);
  } catch (const std::exception& e) {
    note(log_level::error, fmt::format("jobs cannot be claimed: {}", e.what()));
  }
  std::lock_guard lock(mutex_);
  strays_wanted_ = true;  // the commit may have been in doubt
  wanted_ = true;
  pump_wake_.notify_all();
}

// Under the lock to its end: a runner that stops waits for it.
void runner::second_claim_ended() {
  std::lock_guard lock(mutex_);
  is_claiming_beside_ = false;
  pump_wake_.notify_all();
}

}  // namespace aft::jobs
