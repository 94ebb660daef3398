#include "second_claim.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include <aft/jobs/control.hpp>

#include "../storage/database.hpp"

namespace aft::jobs {
namespace {

constexpr std::size_t least_room = 50;  // for which it is worth a transaction

}  // namespace

room_promise::~room_promise() {
  std::lock_guard lock(of_.mutex_);
  give_back();
}

std::vector<crew_room> room_promise::renew(std::size_t least) {
  std::vector<crew_room> rooms;
  std::lock_guard lock(of_.mutex_);
  give_back();
  for (auto& c : of_.crews_) {
    auto room = room_of(*c);
    if (room.left < least) room.left = 0;
    c->promised += room.left;
    promised_.push_back(room.left);
    rooms.push_back(std::move(room));
  }
  return rooms;
}

void room_promise::settle(const std::vector<stored_job>& claimed) {
  std::lock_guard lock(of_.mutex_);
  give_back();
  promised_.resize(of_.crews_.size());
  for (const auto& job : claimed) ++promised_[of_.crew_number(job.queue)];
  for (std::size_t i = 0; i < promised_.size(); ++i) of_.crews_[i]->promised += promised_[i];
}

void room_promise::give_back() {
  for (std::size_t i = 0; i < promised_.size(); ++i) of_.crews_[i]->promised -= promised_[i];
  promised_.clear();
}

second_claim::second_claim(runner& owner, std::vector<std::string> queues)
    : owner_(owner), queues_(std::move(queues)), room_(owner) {
  isolated = runner::enough;
}

bool second_claim::has_room() {
  const auto rooms = room_.renew(least_room);
  return std::any_of(queues_.begin(), queues_.end(), [&](const std::string& queue) {
    return rooms[owner_.crew_number(queue)].left > 0;
  });
}

bool second_claim::run(transaction& tx) {
  found_ = {};
  worker_ = owner_.worker_;
  if (!begin_claim(tx, worker_).is_worker) return true;
  for (const auto& name : paused(tx)) std::erase(queues_, name);
  found_.rooms = room_.renew(least_room);
  for (auto& room : found_.rooms) room.least = 0;
  owner_.take(tx, queues_, worker_, found_);
  room_.settle(found_.claimed);
  return true;
}

waker* second_claim::done(std::exception_ptr failure) noexcept {
  const bool again = !failure && !found_.claimed.empty() && !found_.cut_short.empty();
  if (failure) owner_.claim_failed(failure);
  else owner_.dispatch(std::move(found_.claimed), worker_, room_);
  if (again && owner_.goes_on() && has_room() && owner_.db_.inside().submit(*this)) return nullptr;
  auto& owner = owner_;
  const auto left = std::move(found_.cut_short);
  delete this;
  owner.second_claim_ended(left);
  return nullptr;
}

// ---- the runner's part

void runner::begin_second_claim() {
  {
    std::lock_guard lock(mutex_);
    if (stopping_ || is_claiming_beside_) return;
  }
  auto claim = std::make_unique<second_claim>(*this, cut_short_);
  if (!claim->has_room()) return;
  {
    std::lock_guard lock(mutex_);
    is_claiming_beside_ = true;
  }
  if (db_.inside().submit(*claim)) {
    claim.release();
    return;
  }
  claim.reset();
  second_claim_ended({});
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
  } catch (...) {
    note(log_level::error, "jobs cannot be claimed");
  }
  std::lock_guard lock(mutex_);
  strays_wanted_ = true;  // the commit may have been in doubt
  wanted_ = true;
  pump_wake_.notify_all();
}

// `left` are queues that have more. Under the lock to its end: a runner that stops waits for it.
void runner::second_claim_ended(const std::vector<std::string>& left) {
  std::lock_guard lock(mutex_);
  is_claiming_beside_ = false;
  for (const auto& queue : left) {
    auto& c = crew_of(queue);
    c.is_hungry = true;
    c.has_asked = c.held <= c.room() / 2;
    wanted_ = wanted_ || c.has_asked;
  }
  if (std::exchange(strays_later_, false)) strays_wanted_ = true;
  pump_wake_.notify_all();
}

}  // namespace aft::jobs
