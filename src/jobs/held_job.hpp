#pragma once
// One claimed job, until the database knows how it ended. Also the transaction that tells it.

#include <exception>
#include <optional>
#include <string>

#include <aft/ground/context.hpp>

#include "../storage/unit.hpp"
#include "run.hpp"
#include "runner.hpp"
#include "store.hpp"

namespace aft::jobs {

class held_job final : public storage::unit {
 public:
  held_job(runner& owner, std::int64_t worker, stored_job&& stored, const kind_entry& kind,
           crew& of);
  held_job(const held_job&) = delete;
  held_job& operator=(const held_job&) = delete;
  ~held_job();

  const stored_job& stored() const { return stored_; }
  jobs::run& its_run() { return run_; }
  crew& its_crew() { return crew_; }
  bool takes_transaction() const { return kind_.handler_of.info().takes_transaction; }
  int max_attempts() const { return run_.of().max_attempts; }

  // False where there is nothing to run, because its arguments no longer fit or its attempts are
  // used up: what is to be told is that.
  bool read();

  void begin_on_writer() { step_ = step::run; }
  void run_here();  // its handler, without a transaction; reads it first, where nobody has
  void failed(const std::exception_ptr& why);

  bool run(transaction& tx) override;
  bool may_run_again() const override { return true; }
  waker* done(std::exception_ptr failure) noexcept override;
  void tell();
  void told();            // the database knows: counts and logs the attempt, where it had an effect
  void drop_arguments();  // what the program made of them; nothing is run after this

  // Whether its end needs no more than the deletion of its row.
  bool ends_plainly() const;

  std::optional<duration> took() const { return took_; }  // its handler; nothing: it did not run

  // Guarded by the runner's mutex.
  std::size_t place = 0;      // among all that it holds
  bool is_reserved = false;   // its row is not committed yet
  bool is_on_thread = false;  // its handler runs, without a transaction
  bool reported = false;      // as stuck
  bool has_left = false;      // its crew
  bool left_behind = false;

 private:
  enum class step { run, complete, retry, bury, cancel, put_back };

  const handler_info& info() const { return kind_.handler_of.info(); }
  void make_way(const std::exception_ptr& for_what);
  void call(transaction* tx, reader* db);
  void begin_step();
  void end_step(duration took, bool failed) const;
  duration keep() const;
  duration delay() const;
  bool tell_in(transaction& tx);
  outcome how_it_ended() const;
  void note(log_level level, const std::string& text) const;

  runner& owner_;
  stored_job stored_;
  const kind_entry& kind_;
  crew& crew_;
  jobs::run run_;
  request_context origin_{};  // of the request that enqueued it
  std::string parent_id_{};   // the step that did
  void* job_ = nullptr;
  std::string error_{};
  duration snooze_{};
  std::optional<duration> took_{};
  bool has_effect_ = true;
  step step_ = step::complete;
};

}  // namespace aft::jobs
