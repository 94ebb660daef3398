// What jobs cost: storing them, working them off, both at once, and how soon one begins.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <aft/aft.hpp>

#include "arguments.hpp"
#include "in_flight.hpp"
#include "samples.hpp"

namespace bench {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t width = 64;           // transactions in flight
constexpr std::uint64_t batch = 100;        // jobs in one transaction, where they are batched
constexpr std::uint64_t lone_starts = 500;  // jobs that are enqueued one by one, at most

struct no_op {
  std::string payload;
};

double since(clock::time_point began) {
  return std::chrono::duration<double>(clock::now() - began).count();
}

// What the jobs report to.
class tally {
 public:
  void count(double microseconds_from_enqueue) {
    if (timed_) {
      std::lock_guard lock(mutex_);
      latencies_.push_back(microseconds_from_enqueue);
    }
    if (runs_.fetch_add(1) + 1 != wanted_.load()) return;
    std::lock_guard lock(mutex_);
    reached_.notify_one();
  }

  // Before that many more jobs are enqueued or started.
  void expect(std::uint64_t more) { wanted_ = runs_ + more; }
  void wait() {
    std::unique_lock lock(mutex_);
    reached_.wait(lock, [this] { return runs_ >= wanted_; });
  }

  void keep_latencies() { timed_ = true; }
  std::vector<double>& latencies() { return latencies_; }

 private:
  std::atomic<std::uint64_t> runs_{0}, wanted_{0};
  std::atomic<bool> timed_{false};
  std::mutex mutex_;
  std::condition_variable reached_;
  std::vector<double> latencies_;  // guarded by mutex_
};

struct plan {
  std::uint64_t jobs;
  no_op job;
};

double enqueue_one_by_one(aft::database& db, const plan& p) {
  std::uint64_t left = p.jobs;
  in_flight flight(db, width, [&p](aft::transaction& tx) { aft::enqueue(tx, p.job); });
  const auto began = clock::now();
  flight.run([&left] { return left && left--; });
  return double(p.jobs) / since(began);
}

double enqueue_batched(aft::database& db, const plan& p) {
  const auto began = clock::now();
  for (std::uint64_t stored = 0; stored < p.jobs;) {
    const auto some = std::min(batch, p.jobs - stored);
    db.write([&p, some](aft::transaction& tx) {
      for (std::uint64_t i = 0; i < some; ++i) aft::enqueue(tx, p.job);
    });
    stored += some;
  }
  return double(p.jobs) / since(began);
}

// A job has begun before its end is stored, so having run all of them is not the end.
void wait_until_stored(aft::database& db, tally& all) {
  all.wait();
  while (db.read(
      [](aft::reader& r) { return r.one<bool>("select exists (select 1 from aft_job_all)"); })) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void time_starts(aft::database& db, const plan& p, tally& all) {
  all.keep_latencies();
  for (std::uint64_t i = 0; i < std::min(p.jobs, lone_starts); ++i) {
    all.expect(1);
    db.write([&p](aft::transaction& tx) { aft::enqueue(tx, p.job); });
    wait_until_stored(db, all);
  }
}

struct beside {};  // of a lesser priority

// Jobs that wait beside those that are measured, and jobs that are done and kept.
void fill_up(aft::database& db, std::int64_t count) {
  db.write([count](aft::transaction& tx) {
    for (const int state : {0, 3}) {
      tx.execute(
          "insert into aft_job (kind, arguments, queue, state, priority, run_at, max_attempts, "
          "created_at, keep_until) with recursive n (i) as (select 1 where $1 > 0 union all "
          "select i + 1 from n where i < $1) select 'beside', '{}', 'default', $2, -1, $3, 0, $3, "
          "case when $2 = 3 then cast($4 as bigint) end from n",
          count, state, tx.now(), tx.now() + aft::days(1));
    }
  });
}

// Only how quickly jobs are worked off while so many others lie in the table.
void measure_beside(aft::app& app, const plan& p, tally& all, std::int64_t others) {
  app.job<beside>([](beside) {});
  auto& db = app.db();
  fill_up(db, others);
  for (std::uint64_t stored = 0; stored < p.jobs; stored += batch) {
    db.write([&p](aft::transaction& tx) {
      for (std::uint64_t i = 0; i < batch; ++i) aft::enqueue(tx, p.job, {.priority = 1});
    });
  }
  all.expect(p.jobs);
  const auto began = clock::now();
  app.start({.port = 0, .threads = 1});
  all.wait();
  std::printf("{\"beside\": %lld, \"work_per_s\": %.0f}\n", static_cast<long long>(others),
              double(p.jobs) / since(began));
  app.stop();
}

void measure(const arguments& given) {
  const plan p{given.number("--jobs", 20'000, 1, 100'000'000),
               {std::string(given.number("--payload", 100, 0, 1'000'000), 'x')}};
  aft::app_options options{.database = given.text("--database", ":memory:")};
  options.jobs.max_waiting = 1'000'000'000;
  options.jobs.threads = unsigned(given.number("--concurrency", 2, 1, 1000));

  tally all;
  aft::app app(std::move(options));
  app.state(all);
  app.job<no_op>([&app](const no_op&, aft::job_context& context, tally& t) {
    t.count(double((app.time().now() - context.enqueued_at()).in_microseconds()));
  });

  if (given.has("--beside")) {
    measure_beside(app, p, all, std::int64_t(given.number("--beside", 0, 0, 100'000'000)));
    return;
  }
  auto& db = app.db();  // nothing works the jobs off before the start
  if (db.read([](aft::reader& r) {
        return r.one<bool>("select exists (select 1 from aft_job_all)");
      })) {
    arguments::refuse({"there are jobs in the database; give one without"});
  }
  const auto one_by_one = enqueue_one_by_one(db, p);
  const auto batched = enqueue_batched(db, p);

  all.expect(2 * p.jobs);
  const auto began_work = clock::now();
  app.start({.port = 0, .threads = 1});
  wait_until_stored(db, all);
  const auto worked = double(2 * p.jobs) / since(began_work);

  all.expect(p.jobs);
  const auto began_both = clock::now();
  enqueue_one_by_one(db, p);
  wait_until_stored(db, all);
  const auto both = double(p.jobs) / since(began_both);

  time_starts(db, p, all);
  app.stop();

  std::printf(
      "{\"enqueue_one_per_s\": %.0f, \"enqueue_batched_per_s\": %.0f, \"work_per_s\": %.0f, "
      "\"end_to_end_per_s\": %.0f, \"start_latency_p50_us\": %.1f, \"start_latency_p99_us\": "
      "%.1f}\n",
      one_by_one, batched, worked, both, percentile(all.latencies(), 0.5),
      percentile(all.latencies(), 0.99));
}

}  // namespace
}  // namespace bench

int main(int count, char** words) {
  const bench::arguments given(count, words,
                               {"--database", "--jobs", "--payload", "--concurrency", "--beside"});
  try {
    bench::measure(given);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
