#include "in_flight.hpp"

#include <chrono>
#include <stdexcept>
#include <utility>

#include "storage/database.hpp"

namespace bench {

using clock = std::chrono::steady_clock;

class in_flight::unit final : public aft::storage::unit {
 public:
  explicit unit(in_flight& owner) : owner_(owner) {}

  bool run(aft::transaction& tx) override {
    owner_.each_(tx);
    return true;
  }
  bool may_run_again() const override { return true; }
  aft::waker* done(std::exception_ptr failure) noexcept override {
    std::lock_guard lock(owner_.mutex_);
    if (failure && !owner_.failure_) owner_.failure_ = std::move(failure);
    owner_.done_.push_back(this);
    ++owner_.owed_;
    return &owner_;
  }

  clock::time_point submitted{};

 private:
  in_flight& owner_;
};

in_flight::in_flight(aft::database& db, std::size_t width, work each)
    : db_(db), each_(std::move(each)) {
  done_.reserve(width);
  while (units_.size() < width) units_.push_back(new unit(*this));
}

in_flight::~in_flight() {
  for (auto* u : units_) delete u;
}

void in_flight::wake() noexcept {
  std::lock_guard lock(mutex_);
  --owed_;
  some_done_.notify_one();
}

void in_flight::submit(aft::storage::unit* first) {
  if (db_.inside().submit_all(first)) throw std::runtime_error("the queue of transactions is full");
}

std::uint64_t in_flight::run(const std::function<bool()>& more) {
  std::uint64_t open = 0, committed = 0;
  std::vector<unit*> done;
  const auto submit_done = [&] {
    aft::storage::unit* first = nullptr;
    const auto now = clock::now();
    for (auto* u : done) {
      if (failure_ || !more()) continue;
      ++open;
      u->submitted = now;
      u->next = std::exchange(first, u);
    }
    done.clear();
    if (first) submit(first);
  };
  done = units_;
  submit_done();
  while (open) {
    {
      std::unique_lock lock(mutex_);
      some_done_.wait(lock, [this] { return !done_.empty() && !owed_; });
      done.swap(done_);
    }
    const auto now = clock::now();
    for (const auto* u : done) {
      latencies_.push_back(std::chrono::duration<double, std::micro>(now - u->submitted).count());
    }
    open -= done.size();
    committed += done.size();
    submit_done();
  }
  {
    std::unique_lock lock(mutex_);
    some_done_.wait(lock, [this] { return !owed_; });
  }
  if (failure_) std::rethrow_exception(failure_);
  return committed;
}

}  // namespace bench
