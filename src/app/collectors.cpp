#include "collectors.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <span>
#include <utility>

#include <aft/ground/error.hpp>
#include <aft/ground/span.hpp>

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

void collect_archive(metric_sink& to, database& db) {
  const auto is = db.archived();
  if (!is) return;
  to.level({"aft.archive.working", "1 where what is written can be restored from the archive.", ""},
           {}, is->working ? 1 : 0);
  if (is->shipped == time_point()) return;
  to.level(
      {"aft.archive.lag", "Age of the last moment that the archive can restore.", "s"}, {},
      double(std::max((db.time().now() - is->shipped).in_microseconds(), std::int64_t(0))) / 1e6);
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
  collect_archive(to, db);
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
    to.level({"aft.jobs.states", "Jobs by queue and state.", "{job}"},
             {{"queue", c.queue}, {"state", std::string(state_text(c.state))}}, double(c.count));
  }
  for (const auto& o : oldest_) {
    const auto age = double((db.time().now() - o.since).in_microseconds()) / 1e6;
    to.level({"aft.jobs.oldest.age", "How long the oldest job of a queue that is ready has waited.",
              "s"},
             {{"queue", o.queue}}, std::max(age, 0.0));
  }
}

void session_count::collect(metric_sink& to, database& db) {
  std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (!counted_ || now - at_ >= counted_every) {
    open_ = db.one<std::int64_t>("select count(*) from aft_session");
    counted_ = true;
    at_ = now;
  }
  to.level(
      {"aft.auth.sessions", "Sessions that were not ended, and may have run out.", "{session}"}, {},
      double(open_));
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

// Which slow statements are due for their plan: each once a minute. Any thread.
class plan_turns {
 public:
  bool take(std::string_view text) {
    const auto now = std::chrono::steady_clock::now();
    std::lock_guard lock(mutex_);
    const auto known = last_.find(text);
    if (known != last_.end()) {
      if (now - known->second < planned_every) return false;
      known->second = now;
      return true;
    }
    if (last_.size() >= most_texts) last_.clear();
    last_.emplace(text, now);
    return true;
  }

 private:
  static constexpr auto planned_every = std::chrono::minutes(1);
  static constexpr std::size_t most_texts = 1000;

  std::mutex mutex_;
  std::map<std::string, std::chrono::steady_clock::time_point, std::less<>> last_;
};

void add_query_span(const query_seen& q, std::string_view operation, std::string_view system) {
  ended_span s{.name = std::string(operation), .kind = span_kind::client, .took = q.took};
  s.attributes.emplace_back("db.system.name", system);
  s.attributes.emplace_back("db.operation.name", operation);
  s.attributes.emplace_back("db.query.text", q.text);
  if (!q.is_ok) s.failure = "it failed";
  aft::detail::add_span(std::move(s));
}

// What watch_queries does with each.
struct query_watch {
  std::array<histogram*, operation_count> times{};
  counter& failures;
  const query_watch_options how;
  const logger& log;
  const function<void(const query_seen&)>* next;
  std::unique_ptr<plan_turns> plans = std::make_unique<plan_turns>();

  void operator()(const query_seen& q) const {
    const auto operation = operation_of(q.text);
    times[operation]->observe(double(q.took.in_microseconds()) / 1e6);
    if (!q.is_ok) failures.add();
    if (aft::detail::is_traced()) add_query_span(q, operations[operation], how.system);
    if (how.slow > duration() && q.took > how.slow) tell_slow(q);
    if (next) (*next)(q);
  }
  void tell_slow(const query_seen& q) const {
    const auto plan = q.is_ok && plans->take(q.text) ? q.plan() : std::string();
    const log_field fields[] = {{"query", q.text}, {"plan", plan}};
    log.write({.level = log_level::warning,
               .room = "storage",
               .message = "a query took long",
               .took = q.took,
               .fields = std::span(fields, plan.empty() ? 1 : 2)});
  }
};

}  // namespace

function<void(const query_seen&)> watch_queries(metrics& all, const logger& log,
                                                const query_watch_options& how,
                                                const function<void(const query_seen&)>* next) {
  query_watch watch{.failures = all.count({"db.client.operation.failures",
                                           "Queries and statements that failed.", "{query}"}),
                    .how = how,
                    .log = log,
                    .next = next};
  const metric times{"db.client.operation.duration", "Time of queries and statements.", "s"};
  for (std::size_t i = 0; i < operation_count; ++i) {
    watch.times[i] = &all.distribution(times, database_buckets(),
                                       {{"db.operation.name", std::string(operations[i])}});
  }
  return watch;
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
