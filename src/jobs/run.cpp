#include "run.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <aft/ground/error.hpp>
#include <aft/jobs/context.hpp>

#include "bundles.hpp"

namespace aft {
namespace jobs {
namespace {

constexpr std::size_t most_saved = 1'000'000;  // bytes of JSON

void check_size(std::string_view what, std::size_t bytes) {
  if (bytes <= most_saved) return;
  throw error(
      fmt::format("{} of a job is {} bytes of JSON, and may be {}", what, bytes, most_saved));
}

}  // namespace

void run::begin(transaction* tx) {
  tx_ = tx;
  saved_.reset();  // what an undone transaction has saved is not there
  output.reset();
  began_at_ = db_.time().steady().in_microseconds();
}

void run::stop(stop_reason why) {
  auto none = stop_reason::none;
  if (stopped_.compare_exchange_strong(none, why)) {
    stopped_at_ = db_.time().steady().in_microseconds();
  }
}

stop_reason run::why_stopped() const {
  const auto why = stopped_.load();
  if (why != stop_reason::none) return why;
  if (of_.timeout <= duration() || !has_begun()) return stop_reason::none;
  const auto ends = microseconds(began_at_) + of_.timeout;
  return db_.time().steady() >= ends ? stop_reason::timed_out : stop_reason::none;
}

std::optional<duration> run::stopped_at() const {
  const auto why = why_stopped();
  if (why == stop_reason::none || !has_begun()) return {};
  const auto began = microseconds(began_at_);
  if (why == stop_reason::timed_out) return began + of_.timeout;
  return std::max(began, microseconds(stopped_at_));
}

template <class F>
void run::write(F&& f) {
  const auto do_it = [&](transaction& tx) {
    if (job_.bundle) take_out(tx, of_.claim.worker, job_);
    return bool(f(tx));
  };
  // Its statements are fenced, each by itself.
  const bool held = tx_ ? do_it(*tx_) : db_.write(do_it, {.level = isolation::read_committed});
  if (held) return;
  stop(stop_reason::cancelled);
  throw error(fmt::format("job {} is no longer this worker's", of_.claim.id));
}

void run::progress(double part, std::string_view words) {
  const auto within = std::clamp(part, 0.0, 1.0);
  write([&](transaction& tx) {
    return tx.execute(
        "update aft_job set progress = $4, progress_note = $5 "
        "where id = $1 and worker = $2 and attempt = $3 and state = 1",
        of_.claim.id, of_.claim.worker, of_.claim.attempt, within, words);
  });
}

run::saved_values run::load(reader& db) const {
  const auto text =
      db.find<std::optional<std::string>>("select saved from aft_job where id = $1", of_.claim.id);
  if (!text || !*text) return {};
  auto values = json::read<saved_values>(**text);
  if (!values) return {};
  return *std::move(values);
}

std::optional<std::string> run::find_saved(std::string_view name) {
  if (!saved_) {
    if (tx_) saved_ = load(*tx_);
    else saved_ = db_.read([this](reader& db) { return load(db); });
  }
  const auto found = saved_->find(name);
  if (found == saved_->end()) return {};
  return found->second.text;
}

void run::save(std::string_view name, std::string_view value) {
  static_cast<void>(find_saved(name));  // loads them
  auto values = *saved_;
  values[std::string(name)] = raw_json{std::string(value)};
  const auto text = json::write(values);
  check_size("what is saved", text.size());
  write([&](transaction& tx) {
    return tx.execute(
        "update aft_job set saved = $4 "
        "where id = $1 and worker = $2 and attempt = $3 and state = 1",
        of_.claim.id, of_.claim.worker, of_.claim.attempt, text);
  });
  saved_ = std::move(values);
}

}  // namespace jobs

std::int64_t job_context::id() const { return run_.of().claim.id; }
int job_context::attempt() const { return run_.of().claim.attempt; }
int job_context::max_attempts() const { return run_.of().max_attempts; }
time_point job_context::enqueued_at() const { return run_.of().enqueued_at; }

bool job_context::stop_requested() const { return run_.why_stopped() != jobs::stop_reason::none; }

void job_context::throw_if_stopped() const {
  switch (run_.why_stopped()) {
    case jobs::stop_reason::none: return;
    case jobs::stop_reason::cancelled: throw job_stopped("it was cancelled");
    case jobs::stop_reason::timed_out: throw job_stopped("its time was up");
    case jobs::stop_reason::stopping: throw job_stopped("its worker stops");
  }
}

void job_context::progress(double part, std::string_view words) { run_.progress(part, words); }

std::optional<std::string> job_context::find_saved(std::string_view name) const {
  return run_.find_saved(name);
}
void job_context::save(std::string_view name, std::string_view value) { run_.save(name, value); }

void job_context::keep_output(std::string&& value) {
  jobs::check_size("the output", value.size());
  run_.output = std::move(value);
}

void job_context::refuse_saved(std::string_view name) {
  throw error(fmt::format("what the job has saved as {} no longer fits its type", name));
}

}  // namespace aft
