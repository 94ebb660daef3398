#include "storage_meets_http.hpp"

#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "../storage/database.hpp"

namespace aft::meeting {
namespace {

constexpr int busy_seconds = 1;  // for clients to wait
constexpr int away_seconds = 5;  // a server is not restarted in one

// What a client is told of errors that are no faults of the program; empty of others.
std::optional<problem> explain_constraint(const std::exception& e) {
  const auto* constraint = dynamic_cast<const constraint_error*>(&e);
  if (constraint && constraint->kind() == constraint_kind::unique) {
    return problem{409, "there is one like it already"};
  }
  if (constraint && constraint->kind() == constraint_kind::foreign_key) {
    return problem{409, "it belongs to something that is not there, or something belongs to it"};
  }
  return {};
}
std::optional<http::dispatcher::explained> explain(const std::exception& e) {
  const auto* from_storage = dynamic_cast<const storage_error*>(&e);
  const auto fault = from_storage ? from_storage->fault() : storage_fault::other;
  if (fault == storage_fault::busy) {
    // All connections in use, a lock of somebody else, a full queue. Mostly well when it runs
    // again, as it may be about to.
    problem busy{503, "the database has more work than it takes on; try again"};
    busy.retry_after_seconds = busy_seconds;
    return {{std::move(busy), log_level::info}};
  }
  if (fault == storage_fault::unavailable) {
    problem away{503, "the database cannot be reached; try again later"};
    away.retry_after_seconds = away_seconds;
    return {{std::move(away), log_level::error}};
  }
  auto refused = explain_constraint(e);
  if (!refused) return {};
  return {{*std::move(refused)}};
}

}  // namespace

// One handler's transaction; it lives in the memory that its call has for the lane.
class write_lane::unit final : public storage::unit {
 public:
  unit(write_lane& owner, http::call& c)
      : owner_(owner), call_(c), entered_(owner.queue_.entered()) {
    if (c.route->idempotent) keyed_ = std::make_unique<keyed_request>(c, owner.keys_);
  }

  http::call& turned_away() {
    owner_.queue_.turned_away();
    return call_;
  }

  bool run(transaction& tx) override {
    if (begun_) {
      forget_first_run();
    } else {
      begun_ = true;
      began_ = queue_watch::now();
      runs_ = owner_.queue_.begins(entered_, began_);
    }
    if (!runs_) {
      owner_.routes_.refuse_as_busy(call_);
      return false;
    }
    call_.lent = &tx;
    storage_access::set_deadline(tx, call_.deadline);
    const bool is_kept = keyed_ ? run_once(tx) : run_handler();
    storage_access::set_deadline(tx, 0);
    call_.lent = nullptr;
    return is_kept;
  }

  // Not where its body was taken as it came: that does not come again.
  bool may_run_again() const override { return !call_.taker.taker; }

  waker* done(std::exception_ptr failure) noexcept override {
    if (!begun_) turned_away();
    if (runs_) owner_.queue_.ended(began_);  // with its commit, which is most of it
    if (failure) not_kept(failure);
    auto& c = call_;
    this->~unit();
    return c.on_done(c);
  }

 private:
  bool run_handler() {
    return owner_.routes_.resume(call_, lane::write) == http::outcome::answered;
  }

  bool run_once(transaction& tx) {
    if (keyed_->answer(tx, call_)) {
      if (call_.failed) owner_.routes_.answer_failure(call_);
      return false;
    }
    if (!run_handler()) return false;
    try {
      keyed_->store(tx, call_);
      return true;
    } catch (const storage_error&) {
      throw;  // the transaction's own affair
    } catch (const error& e) {
      owner_.log_.write(log_level::error, "http", e.what());
    }
    call_.failed = true;
    call_.failure = problem{500, "the server could not answer; the fault is its own"};
    owner_.routes_.answer_failure(call_);
    return false;
  }

  // The handler has used up its arguments, but they can be made from the request once more.
  void forget_first_run() {
    call_.arguments.discard();
    call_.answer.clear();
    call_.visitor.reset();
    call_.extracted = call_.failed = false;
  }

  // The handler was well, but the commit was not.
  void not_kept(const std::exception_ptr& failure) noexcept {
    std::optional<problem> known;
    bool in_doubt = false;
    int try_again = 0;  // after so many seconds
    try {
      std::rethrow_exception(failure);
    } catch (const storage_error& e) {
      in_doubt = e.fault() == storage_fault::in_doubt;
      if (e.fault() == storage_fault::busy) try_again = busy_seconds;
      if (e.fault() == storage_fault::unavailable) try_again = away_seconds;
      known = explain_constraint(e);
      if (!known) owner_.log_.write(log_level::error, "storage", e.what());
    } catch (const std::exception& e) {
      owner_.log_.write(log_level::error, "storage", e.what());
    } catch (...) {}
    call_.failed = true;
    call_.failure =
        known ? *std::move(known)
        : in_doubt
            ? problem{500, "the database was lost meanwhile: the change may be stored, or not"}
            : problem{503, "the change could not be stored; nothing was changed"};
    if (try_again) call_.failure.retry_after_seconds = try_again;
    owner_.routes_.answer_failure(call_);
  }

  write_lane& owner_;
  http::call& call_;
  const queue_watch::moment entered_;
  queue_watch::moment began_{};
  bool begun_ = false, runs_ = false;
  std::unique_ptr<keyed_request> keyed_{};  // null: no route of that kind
};

bool write_lane::submit(http::call& c) noexcept {
  c.next = nullptr;
  return !submit_all(&c);
}

http::call* write_lane::submit_all(http::call* first) noexcept {
  static_assert(sizeof(unit) <= sizeof first->lane_memory);
  http::call* refused = nullptr;
  const auto refuse = [&refused](http::call& c) {
    c.next = refused;
    refused = &c;
  };
  storage::unit* units = nullptr;
  storage::unit** end = &units;
  while (first) {
    auto& c = *std::exchange(first, first->next);
    if (!queue_.lets_in()) {
      refuse(c);
      continue;
    }
    auto* u = new (c.lane_memory) unit(*this, c);
    *end = u;
    end = &u->next;
  }
  for (auto* left = units ? db_.inside().submit_all(units) : nullptr; left;) {
    auto* u = static_cast<unit*>(std::exchange(left, left->next));
    auto& c = u->turned_away();
    u->~unit();
    refuse(c);
  }
  return refused;
}

namespace {

// Each event loop keeps one read connection for as long as it lives.
constexpr unsigned reading_local = 0;

struct loop_reading {
  storage::engine& engine;
  storage::reading* reading;
  reader* begun = nullptr;  // for the call that is being run: several arguments may take it
};

void* begin_reading(void* context, http::call& c) {
  if (c.lent) return static_cast<reader*>(static_cast<transaction*>(c.lent));  // its own writes too
  auto& db = *static_cast<database*>(context);
  auto* local = static_cast<loop_reading*>(c.context->local(reading_local));
  if (!local) {
    auto& engine = db.inside().engine();
    local = new loop_reading{engine, engine.take()};
    c.context->set_local(reading_local, local, [](void* p) {
      auto* l = static_cast<loop_reading*>(p);
      l->engine.give_back(l->reading);
      delete l;
    });
  }
  if (!local->begun) local->begun = &local->reading->begin({c.deadline, nullptr});
  return local->begun;
}

void end_reading(void*, http::call& c) {
  if (c.lent) return;
  auto& local = *static_cast<loop_reading*>(c.context->local(reading_local));
  local.begun = nullptr;
  local.reading->end();
}

}  // namespace

void provide_storage(http::dispatcher& routes, database& db) {
  routes.explain(&explain);
  const auto least = db.inside().engine().reads_wait() ? lane::work : lane::io;
  routes.provide({key_of<reader>(), least, &db, &begin_reading, &end_reading});
  routes.provide({key_of<transaction>(), lane::write, &db,
                  [](void*, http::call& c) -> void* { return c.lent; }, nullptr});
  routes.provide({key_of<database>(), lane::io, &db,
                  [](void* context, http::call&) { return context; }, nullptr});
}

}  // namespace aft::meeting
