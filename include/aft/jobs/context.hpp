#pragma once
// What a job's handler may know of its run, and say of it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include <aft/ground/error.hpp>
#include <aft/ground/json.hpp>
#include <aft/ground/time.hpp>

namespace aft {

// Thrown by a handler: the job is given up now, whatever attempts are left.
struct cancel_job {
  std::string why;
};

// Thrown by a handler: the job comes back later, and this run does not count as an attempt.
struct snooze_job {
  duration wait;
};

namespace jobs {
class run;
}

// Where a long job has got to, kept between its attempts.
template <class T>
class job_cursor;

// One run of a job. On the thread that runs it, but for stop_requested(), which any thread may ask
// while the handler has not returned.
class job_context {
 public:
  explicit job_context(jobs::run& inside) : run_(inside) {}
  job_context(const job_context&) = delete;
  job_context& operator=(const job_context&) = delete;

  std::int64_t id() const;
  int attempt() const;  // from 1
  int max_attempts() const;
  time_point enqueued_at() const;

  // Whether the job should end soon: it was cancelled, its time is up, or its worker stops. By what
  // it throws then, it ends as cancelled, as a failed attempt, or goes back and this run does not
  // count. If it returns, it is done.
  bool stop_requested() const;
  void throw_if_stopped() const;  // throws job_stopped

  // How far it is, 0 to 1, for those who list jobs. Committed at once; by a handler with a
  // transaction&, with that.
  void progress(double part, std::string_view words = {});

  // What came of it: any value of a mapped type, up to 1 MB of JSON. Stored when it is done, where
  // jobs that are done are kept.
  template <class T>
  void output(const T& value) {
    keep_output(json::write(value));
  }

  // Calls f() once for the whole job: what it returned is kept, and given by later attempts
  // without calling it again. Committed when it returns; a crash right before that calls it again.
  // With a transaction& it is undone with the attempt. Names differ within a job, and keep their
  // meaning while such jobs are stored; all that a job keeps is at most 1 MB of JSON.
  template <class F>
  std::invoke_result_t<F&> step(std::string_view name, F&& f) {
    using result = std::invoke_result_t<F&>;
    const auto kept = find_saved(name);
    if constexpr (std::is_void_v<result>) {
      if (kept) return;
      f();
      save(name, "null");
    } else {
      if (kept) return read_saved<result>(name, *kept);
      auto value = f();
      save(name, json::write(value));
      return value;
    }
  }

  template <class T>
  job_cursor<T> cursor(std::string_view name);

 private:
  template <class T>
  friend class job_cursor;

  std::optional<std::string> find_saved(std::string_view name) const;
  void save(std::string_view name, std::string_view value);
  void keep_output(std::string&& value);
  [[noreturn]] static void refuse_saved(std::string_view name);

  template <class T>
  static T read_saved(std::string_view name, std::string_view kept) {
    auto value = json::read<T>(kept);
    if (!value) refuse_saved(name);
    return *std::move(value);
  }

  jobs::run& run_;
};

// Thrown by job_context::throw_if_stopped.
class job_stopped : public error {
 public:
  using error::error;
};

//   auto at = context.cursor<std::int64_t>("row");
//   for (auto id = at.value().value_or(0); more_after(id); at.save(id)) id = do_next(id);
template <class T>
class job_cursor {
 public:
  job_cursor(job_context& context, std::string_view name) : context_(context), name_(name) {}

  std::optional<T> value() const {
    const auto kept = context_.find_saved(name_);
    if (!kept) return {};
    return job_context::read_saved<T>(name_, *kept);
  }
  // In a transaction of its own; by a handler with a transaction&, in that.
  void save(const T& value) { context_.save(name_, json::write(value)); }

 private:
  job_context& context_;
  std::string name_;
};

template <class T>
job_cursor<T> job_context::cursor(std::string_view name) {
  return {*this, name};
}

}  // namespace aft
