#include "collectors.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <iterator>

#include <aft/ground/error.hpp>

#include "../http/accept.hpp"
#include "../storage/database.hpp"

namespace aft {
namespace {

constexpr auto counted_every = std::chrono::seconds(10);

std::string_view state_text(jobs::job_state s) {
  switch (s) {
    case jobs::job_state::ready: return "ready";
    case jobs::job_state::running: return "running";
    case jobs::job_state::dead: return "dead";
    case jobs::job_state::done: return "done";
    case jobs::job_state::cancelled: return "cancelled";
    case jobs::job_state::later: return "later";
    case jobs::job_state::held: return "held";
    case jobs::job_state::blocked: return "blocked";
  }
  return "";
}

}  // namespace

void collect_storage(metric_sink& to, database& db) {
  auto& engine = db.inside().engine();
  engine.collect(to);
  const auto* file = engine.file();
  struct ::stat about {};
  if (file && ::stat((*file + "-wal").c_str(), &about) == 0) {
    to.level({"db.wal.file.size", "Bytes of the file of the write-ahead log.", "By"}, {},
             double(about.st_size));
  }
}

void job_counts::collect(metric_sink& to, database& db) {
  std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (!counted_ || now - at_ >= counted_every) {
    db.read([this](reader& r) {
      counts_ = jobs::count(r);
      oldest_ = r.all<oldest>(
          "select queue, min(run_at) as since from aft_job where state = 0 group by queue");
    });
    counted_ = true;
    at_ = now;
  }
  for (const auto& c : counts_) {
    to.level({"aft.jobs.count", "Jobs by queue and state.", "{job}"},
             {{"queue", c.queue}, {"state", std::string(state_text(c.state))}}, double(c.count));
  }
  for (const auto& o : oldest_) {
    const auto age = double((db.time().now() - o.since).in_microseconds()) / 1e6;
    to.level({"aft.jobs.oldest.age", "How long the oldest job of a queue that is ready has waited.",
              "s"},
             {{"queue", o.queue}}, std::max(age, 0.0));
  }
}

namespace {

constexpr std::string_view operations[] = {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "OTHER"};
constexpr std::size_t operation_count = std::size(operations);

// Which of them a text begins with.
std::size_t operation_of(std::string_view text) {
  const auto begin = text.find_first_not_of(" \n\t(");
  text.remove_prefix(std::min(begin, text.size()));
  for (std::size_t i = 0; i + 1 < operation_count; ++i) {
    if (equal_ignoring_case(text.substr(0, operations[i].size()), operations[i])) return i;
  }
  return operation_count - 1;
}

}  // namespace

function<void(const query_seen&)> watch_queries(metrics& all, const logger& log, duration slow,
                                                const function<void(const query_seen&)>* next) {
  const metric times{"db.client.operation.duration", "Time of queries and statements.", "s"};
  const metric failed{"db.client.operation.failures", "Queries and statements that failed.",
                      "{query}"};
  std::array<histogram*, operation_count> times_of{};
  for (std::size_t i = 0; i < operation_count; ++i) {
    times_of[i] = &all.distribution(times, database_buckets(),
                                    {{"db.operation.name", std::string(operations[i])}});
  }
  return [times_of, failures = &all.count(failed), slow, told = &log, next](const query_seen& q) {
    times_of[operation_of(q.text)]->observe(double(q.took.in_microseconds()) / 1e6);
    if (!q.is_ok) failures->add();
    if (slow > duration() && q.took > slow) {
      const log_field text[] = {{"query", q.text}};
      told->write({.level = log_level::warning,
                   .room = "storage",
                   .message = "a query took long",
                   .took = q.took,
                   .fields = text});
    }
    if (next) (*next)(q);
  };
}

void add_metrics_route(const routes& where, const std::string& path, const metrics& all) {
  if (path.size() < 2 || path.front() != '/') {
    throw configuration_error("the path \"" + path +
                              "\" of the metrics must look like \"/metrics\"");
  }
  where.group(path)
      .get("/", blocking([&all](const request& r) {
             const std::string_view offers[] = {media_type(metric_format::prometheus),
                                                media_type(metric_format::open_metrics)};
             const auto chosen = http::choose_media_type(r.header("Accept"), offers).value_or(0);
             const auto format = metric_format(chosen);
             return response{200,
                             all.text(format),
                             std::string(media_type(format)),
                             {{"Cache-Control", "no-store"}, {"Vary", "Accept"}}};
           }))
      .hidden();
}

}  // namespace aft
