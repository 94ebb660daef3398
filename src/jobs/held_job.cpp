#include "held_job.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include <aft/ground/random.hpp>
#include <aft/ground/span.hpp>

#include "../ground/coarse_clock.hpp"
#include "../ground/deadline.hpp"
#include "../storage/connection.hpp"
#include "../storage/database.hpp"
#include "bundles.hpp"

namespace aft::jobs {
namespace {

constexpr std::size_t longest_error = 1000;  // bytes kept of what a job threw

std::string shortened(std::string text) {
  if (text.size() <= longest_error) return text;
  auto end = longest_error;
  while (end && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not in a letter
  return text.substr(0, end);
}

// A database takes neither bytes that are no UTF-8 nor, on PostgreSQL, a zero.
std::string storable(std::string text) {
  const bool fits = text.find('\0') == text.npos && json::valid(json::write(text));
  if (fits) return text;
  for (auto& c : text) {
    if (static_cast<unsigned char>(c) >= 0x80 || c == 0) c = '?';
  }
  return text;
}

std::string describe(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    return shortened(storable(e.what()));
  } catch (...) {
    return "it threw something that is no std::exception";
  }
}

// When a job that begins now should have ended; 0: whenever.
std::int64_t end_of(duration timeout) {
  if (timeout <= duration()) return 0;
  return aft::detail::coarse_milliseconds() + std::max<std::int64_t>(timeout.in_milliseconds(), 1);
}

// Queries of a job end when its time is up.
class deadline_for {
 public:
  deadline_for(reader& db, duration timeout) : place_(storage_access::connection_of(db).limit) {
    before_ = place_;
    if (const auto at = end_of(timeout)) place_.at = at;
  }
  deadline_for(const deadline_for&) = delete;
  deadline_for& operator=(const deadline_for&) = delete;
  ~deadline_for() { place_ = before_; }

 private:
  storage::time_limit& place_;
  storage::time_limit before_;
};

// Whether nothing is wrong but that others were in the way of the transaction, or its server away.
bool is_no_fault_of_it(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const storage_error& e) {
    return e.fault() == storage_fault::busy || e.fault() == storage_fault::unavailable;
  } catch (...) {
    return false;
  }
}

duration default_delay(int attempt) {
  const auto n = std::int64_t(std::min(attempt, 100));
  const auto base = seconds(n * n * n * n);
  return base +
         microseconds(std::int64_t(random_number(std::uint64_t(base.in_microseconds() / 10 + 1))));
}

}  // namespace

held_job::held_job(runner& owner, std::int64_t worker, stored_job&& stored, const kind_entry& kind,
                   crew& of)
    : owner_(owner), stored_(std::move(stored)), kind_(kind), crew_(of),
      run_(owner.db_, stored_,
           {{stored_.id, worker, stored_.attempt},
            stored_.max_attempts ? stored_.max_attempts : kind.handler_of.policy().max_attempts,
            stored_.created_at,
            kind.handler_of.policy().timeout}) {
  origin_.request_id = stored_.request_id.value_or("");
  const auto parent = read_traceparent(stored_.traceparent.value_or(""));
  if (parent) {
    origin_.trace = next_span(*parent);
    parent_id_ = parent->span_id;
  }
  origin_.route = stored_.kind;
}

held_job::~held_job() { drop_arguments(); }

void held_job::drop_arguments() {
  if (auto* job = std::exchange(job_, nullptr)) info().destroy(job);
}

bool held_job::read() {
  if (stored_.attempt > max_attempts()) {
    error_ = "its worker died in the last of its attempts";
    step_ = step::bury;
    return false;
  }
  field_errors errors;
  try {
    job_ = info().read(stored_.arguments, errors);
  } catch (...) {
    errors.push_back({"", "", "check", describe(std::current_exception())});
  }
  if (job_) return true;
  error_ = "its arguments do not fit:";
  for (const auto& e : errors) error_ += fmt::format(" {} {};", e.pointer, e.detail);
  error_ = shortened(storable(std::move(error_)));
  step_ = step::bury;
  note(log_level::error,
       fmt::format("job {} ({}) is given up: {}", stored_.id, stored_.kind, error_));
  return false;
}

void held_job::note(log_level level, const std::string& text) const {
  owner_.log_.write({.level = level,
                     .room = "jobs",
                     .message = text,
                     .route = stored_.kind,
                     .request_id = origin_.request_id,
                     .trace_id = origin_.trace.trace_id,
                     .took = took_});
}

// Each time it is run: on PostgreSQL a transaction may be run again.
void held_job::begin_step() {
  if (!owner_.spans_) return;
  if (origin_.trace.trace_id.empty()) {
    origin_.trace = make_trace(owner_.spans_->wants_new_trace());
  } else if (origin_.trace.sampled) {
    origin_.trace = next_span(origin_.trace);
  }
}

void held_job::end_step(duration took, bool failed) const {
  if (!owner_.spans_ || !origin_.trace.sampled) return;
  ended_span s{.trace = origin_.trace,
               .parent_id = parent_id_,
               .name = "process " + stored_.kind,
               .kind = span_kind::consumer,
               .began = owner_.spans_->now() - took,
               .took = took};
  s.attributes.emplace_back("messaging.system", "aft");
  s.attributes.emplace_back("messaging.destination.name", stored_.kind);
  s.attributes.emplace_back("messaging.message.id", std::to_string(stored_.id));
  s.attributes.emplace_back("aft.job.attempt", stored_.attempt);
  if (!origin_.request_id.empty()) s.attributes.emplace_back("aft.request.id", origin_.request_id);
  if (failed) s.failure = "it threw; the log says what";
  owner_.spans_->take(std::move(s));
}

void held_job::call(transaction* tx, reader* db) {
  run_.begin(tx);
  begin_step();
  struct ending {
    held_job& of;
    int thrown_before = std::uncaught_exceptions();
    std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
    ~ending() {
      of.run_.end();
      const auto took = std::chrono::steady_clock::now() - began;
      if (of.kind_.runs) of.kind_.runs->observe(std::chrono::duration<double>(took).count());
      const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
      of.took_ = microseconds(whole);
      of.end_step(microseconds(whole), std::uncaught_exceptions() > thrown_before);
    }
  } ends{*this};
  const context_scope origin(origin_, owner_.spans_);
  job_context context(run_);
  const aft::detail::deadline_here calls_end(end_of(run_.of().timeout));
  if (db) {
    const deadline_for deadline(*db, run_.of().timeout);
    info().run(kind_.handler_of.callable(), job_, context, tx, db, kind_.states.data());
  } else {
    info().run(kind_.handler_of.callable(), job_, context, tx, db, kind_.states.data());
  }
}

void held_job::run_here() {
  if (!job_ && !read()) return;
  try {
    if (run_.why_stopped() == stop_reason::cancelled) throw job_stopped("it was cancelled");
    if (info().takes_reader) owner_.db_.read([this](reader& db) { call(nullptr, &db); });
    else call(nullptr, nullptr);
    step_ = step::complete;
    drop_arguments();  // by who has made them
  } catch (...) {
    failed(std::current_exception());
  }
}

// So many meet in one place that the engine has given up; or nobody knows when the server is back.
void held_job::make_way(const std::exception_ptr& for_what) {
  snooze_ = milliseconds(200 + std::int64_t(random_number(800)));
  step_ = step::put_back;
  note(log_level::info,
       fmt::format("job {} ({}) is put off: {}", stored_.id, stored_.kind, describe(for_what)));
}

void held_job::failed(const std::exception_ptr& why) {
  try {
    std::rethrow_exception(why);
  } catch (const cancel_job& c) {
    error_ = shortened(storable(c.why));
    step_ = step::cancel;
    return;
  } catch (const snooze_job& s) {
    snooze_ = std::max(s.wait, duration());
    step_ = step::put_back;
    return;
  } catch (...) {
    error_ = describe(why);
  }
  const auto stopped = run_.why_stopped();
  if (stopped == stop_reason::cancelled) {
    step_ = step::cancel;
    return;
  }
  if (stopped == stop_reason::stopping) {
    snooze_ = {};
    step_ = step::put_back;
    return;
  }
  const bool last = stored_.attempt >= max_attempts();
  step_ = last ? step::bury : step::retry;
  note(last ? log_level::error : log_level::warning,
       fmt::format("job {} ({}) failed in attempt {} of {}{}: {}", stored_.id, stored_.kind,
                   stored_.attempt, max_attempts(), last ? ", the last" : "", error_));
}

duration held_job::keep() const {
  return std::max(kind_.handler_of.policy().keep, owner_.options_.keep);
}

duration held_job::delay() const {
  const auto& own = kind_.handler_of.policy().retry_delay;
  const auto& all = owner_.options_.retry_delay;
  try {
    if (own) return own(stored_.attempt);
    if (all) return all(stored_.attempt);
  } catch (...) {
    note(log_level::error, fmt::format("the retry_delay of {} threw: {}", stored_.kind,
                                       describe(std::current_exception())));
  }
  return default_delay(stored_.attempt);
}

outcome held_job::how_it_ended() const {
  switch (step_) {
    case step::run:
    case step::complete: return outcome::done;
    case step::retry: return outcome::failed;
    case step::bury: return outcome::dead;
    case step::cancel: return outcome::cancelled;
    case step::put_back: return outcome::returned;
  }
  return outcome::done;
}

// Failures are in the log since they happened.
void held_job::told() {
  if (!has_effect_) return;
  const auto how = how_it_ended();
  if (auto* attempts = kind_.attempts[std::size_t(how)]) attempts->add();
  const bool is_failure = how == outcome::failed || how == outcome::dead;
  if (is_failure || !owner_.log_.takes(log_level::debug, "jobs")) return;
  note(log_level::debug,
       fmt::format("job {} ({}) is {} in attempt {} of {}", stored_.id, stored_.kind,
                   to_string(how), stored_.attempt, max_attempts()));
}

bool held_job::run(transaction& tx) {
  has_effect_ = tell_in(tx);
  return has_effect_;
}

bool held_job::tell_in(transaction& tx) {
  const auto& c = run_.of().claim;
  const auto now = tx.now();
  if (stored_.bundle) take_out(tx, c.worker, stored_);
  switch (step_) {
    case step::run:
      if (run_.why_stopped() == stop_reason::cancelled) throw job_stopped("it was cancelled");
      call(&tx, &tx);
      // Both or neither: a worker that was taken for dead leaves no effect.
      return complete(tx, c, tx.now(), keep(), run_.output);
    case step::complete: return complete(tx, c, now, keep(), run_.output);
    case step::retry: return retry(tx, c, now, now + delay(), error_);
    case step::bury: return bury(tx, c, now, owner_.options_.keep_dead, error_);
    case step::cancel: return end_cancelled(tx, c, now, owner_.options_.keep_dead, error_);
    case step::put_back: return put_back(tx, c, now, now + snooze_);
  }
  return false;
}

waker* held_job::done(std::exception_ptr failure) noexcept {
  if (failure && step_ == step::run) {
    if (is_no_fault_of_it(failure)) make_way(failure);
    else failed(failure);
    tell();
  } else if (failure) {
    note(log_level::error,
         fmt::format("the end of job {} could not be noted: {}", stored_.id, describe(failure)));
    owner_.try_again_later(this);
  } else {
    owner_.ended({this});
  }
  return nullptr;
}

void held_job::tell() {
  if (!owner_.db_.inside().submit(*this)) owner_.try_again_later(this);
}

bool held_job::ends_plainly() const {
  return step_ == step::complete && keep() <= duration() && !stored_.limit_key;
}

}  // namespace aft::jobs
