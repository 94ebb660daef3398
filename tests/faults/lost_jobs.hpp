#pragma once
// Jobs with and without a transaction, which are to outlive that their database goes away.

#include <atomic>
#include <exception>
#include <set>
#include <string>

#include <aft/app.hpp>
#include <aft/jobs/job.hpp>

#include "../jobs/soon.hpp"

struct plain {
  int n = 0;
};
struct effect {
  int n = 0;
};

class lost_jobs {
 public:
  explicit lost_jobs(const std::string& database)
      : app_({.database = database,
              .storage = {.busy_timeout = aft::milliseconds(200)},
              .jobs = {.poll = aft::milliseconds(2),
                       .heartbeat = aft::milliseconds(50),
                       .retry_delay = [](int) { return aft::milliseconds(1); }}}) {
    app_.migrate({"001", "create table effect (n integer not null) strict"});
    app_.job<plain>([this](plain) { ++touched_; });
    app_.job<effect>(
        [](effect e, aft::transaction& tx) { tx.execute("insert into effect values ($1)", e.n); },
        {.max_attempts = 1000});
    app_.start({.port = 0, .threads = 1});
  }

  // One of each kind, in one transaction.
  void enqueue() {
    const int n = next_++;
    try {
      app_.db().write([n](aft::transaction& tx) {
        aft::enqueue(tx, plain{n});
        aft::enqueue(tx, effect{n});
      });
      stored_.insert(n);
    } catch (const std::exception&) {
      ++refused_;  // it was told so; it may still be there, as a commit may fail after its end
    }
  }

  bool all_done() {
    return soon([this] {
      try {
        return app_.db().one<int>("select count(*) from aft_job_all") == 0;
      } catch (const std::exception&) {
        return false;
      }
    });
  }

  struct outcome {
    int stored = 0, refused = 0, lost = 0, doubled = 0;
    bool all_touched = false;  // those without a transaction, at least once each
  };
  outcome outcome_now() {
    outcome o{int(stored_.size()), refused_, 0, 0, touched_ >= int(stored_.size())};
    std::set<int> effects;
    for (const auto n : app_.db().all<int>("select n from effect")) {
      o.doubled += !effects.insert(n).second;
    }
    for (const auto n : stored_) o.lost += !effects.contains(n);
    return o;
  }

 private:
  std::atomic<int> touched_{0};  // before the app, whose jobs count here
  aft::app app_;
  int next_ = 0, refused_ = 0;
  std::set<int> stored_;
};
