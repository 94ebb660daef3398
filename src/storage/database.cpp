#include "database.hpp"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>

#include <fmt/format.h>

#include "../ground/current_context.hpp"
#include "../ground/may_wait.hpp"
#include "migrate.hpp"
#include "postgres/engine.hpp"
#include "sqlite/engine.hpp"

namespace aft {

// ---- readers and transactions

namespace {

// Tells storage_options::on_query of one, where somebody listens.
class watched_query final : private detail::plan_source {
 public:
  watched_query(storage::connection& c, std::string_view text)
      : connection_(c), watch_(c.on_query), text_(text) {
    if (watch_) began_ = std::chrono::steady_clock::now();
  }
  watched_query(const watched_query&) = delete;
  watched_query& operator=(const watched_query&) = delete;
  ~watched_query() {
    if (watch_) tell();
  }

 private:
  void tell() noexcept {
    const auto took = std::chrono::steady_clock::now() - began_;
    const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
    try {
      (*watch_)({text_, microseconds(whole), std::uncaught_exceptions() == thrown_before_, this});
    } catch (...) {}
  }
  std::string plan() override { return connection_.explain(text_); }

  storage::connection& connection_;
  const function<void(const query_seen&)>* const watch_;
  const std::string_view text_;
  const int thrown_before_ = std::uncaught_exceptions();
  std::chrono::steady_clock::time_point began_{};
};

}  // namespace

void reader::run_query(const storage::row_target& rows, std::string_view text, parameters values) {
  const watched_query watched(*connection_, text);
  connection_->query(text, {values.begin(), values.size()}, rows);
}

void reader::run_query_for_one(const storage::row_target& row, std::string_view text,
                               parameters values) {
  const watched_query watched(*connection_, text);
  if (connection_->query(text, {values.begin(), values.size()}, row)) return;
  throw storage_error(storage_fault::statement,
                      fmt::format("no row, where one must be (in: {})", text));
}

std::string_view reader::kept(std::string_view text) {
  if (detail::controls_transaction(text)) {
    throw storage_error(
        storage_fault::statement,
        fmt::format("SQL begins or ends a transaction; use savepoint() instead (in: {})", text));
  }
  return connection_->kept(text);
}

void reader::run_text(const storage::row_target& rows, const sql_text& query) {
  const watched_query watched(*connection_, query.text());
  connection_->query(kept(query.text()), query.values(), rows);
}

void reader::run_text_for_one(const storage::row_target& row, const sql_text& query) {
  const watched_query watched(*connection_, query.text());
  if (connection_->query(kept(query.text()), query.values(), row)) return;
  throw storage_error(storage_fault::statement,
                      fmt::format("no row, where one must be (in: {})", query.text()));
}

void reader::run_stream(const storage::row_target& rows, std::string_view text,
                        std::span<const detail::parameter> values) {
  const watched_query watched(*connection_, text);
  connection_->query(text, values, rows);
}

time_point reader::now() const { return connection_->time->now(); }

std::int64_t transaction::run_statement(std::string_view text, parameters values) {
  const watched_query watched(*connection_, text);
  return connection_->execute(text, {values.begin(), values.size()});
}

std::int64_t transaction::execute(const sql_text& statement) {
  const watched_query watched(*connection_, statement.text());
  return connection_->execute(kept(statement.text()), statement.values());
}

std::int64_t transaction::run_for_each(std::string_view text, const type_info& type,
                                       const void* rows, std::size_t count) {
  const watched_query watched(*connection_, text);
  return connection_->execute_each(text, {type, rows, count});
}

transaction::part::part(transaction& tx)
    : tx_(tx), notes_(tx.notes_.size()), effects_(tx.connection_->effects.size()) {
  tx.connection_->run_savepoint("savepoint part");
}

void transaction::part::keep() {
  tx_.connection_->run_savepoint("release savepoint part");
  kept_ = true;
}

transaction::part::~part() {
  if (kept_) return;
  tx_.notes_.resize(notes_);
  auto& c = *tx_.connection_;
  c.effects.shrink_to(effects_);
  c.forget_undone();
  const storage::without_limit patient(c.limit);
  try {
    c.run_savepoint("rollback to savepoint part");
    c.run_savepoint("release savepoint part");
  } catch (const storage_error&) {
    // The engine has undone the whole transaction; whoever runs it sees that.
  }
}

void storage::connection::fail_over(std::string_view text) const {
  if (limit.is_cancelled()) {
    throw storage_error(storage_fault::cancelled, fmt::format("cancelled (in: {})", text));
  }
  throw storage_error(storage_fault::late, fmt::format("the deadline has passed (in: {})", text));
}

void transaction::notify(std::string_view topic) { add_note(std::string(topic)); }

void transaction::add_note(std::string note) {
  for (const auto& known : notes_) {
    if (known == note) return;
  }
  notes_.push_back(std::move(note));
}

// ---- the database

namespace {

bool goes_to_postgres(const std::string& url, const storage_options& options) {
  const bool yes = storage::is_postgres(url);
  if (yes && !options.key.empty()) {
    throw configuration_error(
        "storage_options::key is of SQLite alone; a server of PostgreSQL "
        "encrypts by its own means");
  }
  return yes;
}

}  // namespace

database::impl::impl(const std::string& url, const storage_options& options, const logger& log,
                     const clock& time)
    : engine_(goes_to_postgres(url, options)
                  ? storage::open_postgres(url, options, log, time, this)
                  : storage::open_sqlite(url, options, log, time, this)) {}

database::database(std::string url, storage_options options, const logger& log, const clock& time)
    : url_(std::move(url)), options_(options), clock_(time),
      impl_(new impl(url_, options_, log, time)) {}

database::~database() { delete impl_; }

std::optional<archive_status> database::archived() const { return impl_->engine().archived(); }

std::uint64_t database::listen(std::string_view topic, function<void()> heard) {
  return impl_->engine().listen(topic,
                                [own = std::move(heard)](const std::string_view*) { own(); });
}
write_stats database::writes() const { return impl_->engine().writes(); }
void database::unlisten(std::uint64_t listener) { impl_->engine().unlisten(listener); }

namespace {

// For a thread that waits for its transaction.
class waited_unit : public storage::unit, private waker {
 public:
  waited_unit(void* call, void (*function)(void*, transaction&))
      : call_(call), function_(function) {}

  bool run(transaction& tx) final {
    const detail::working_for context(source_);
    function_(call_, tx);
    return true;
  }
  bool may_run_again() const final { return true; }
  waker* done(std::exception_ptr failure) noexcept final {
    failure_ = std::move(failure);
    return this;
  }
  void wake() noexcept final {
    std::lock_guard lock(mutex_);
    finished_ = true;
    finished_now_.notify_one();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    finished_now_.wait(lock, [this] { return finished_; });
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void* call_;
  void (*function_)(void*, transaction&);
  detail::context_source* const source_ = detail::current_source;  // of the thread that waits
  std::exception_ptr failure_;
  std::mutex mutex_;
  std::condition_variable finished_now_;
  bool finished_ = false;
};

void refuse_to_wait(std::string_view what) {
  if (!detail::must_not_wait) return;
  throw storage_error(storage_fault::misuse,
                      fmt::format("{} that waits, {}; take a transaction& as an argument, or "
                                  "make the handler aft::blocking",
                                  what, detail::must_not_wait));
}

}  // namespace

void database::write_erased(void* call, void (*run)(void* call, transaction&),
                            const write_options& how) {
  refuse_to_wait("a write");
  waited_unit unit(call, run);
  unit.set(how);
  if (!impl_->submit(unit)) {
    throw storage_error(storage_fault::busy, "more transactions wait than the queue takes");
  }
  unit.wait();
}

void database::submit(function<void(transaction&)> f, function<void(std::exception_ptr)> done,
                      const write_options& how) {
  class owned_unit final : public storage::unit {
   public:
    owned_unit(function<void(transaction&)> call, function<void(std::exception_ptr)> tell)
        : call_(std::move(call)), tell_(std::move(tell)) {
      if (const auto* c = current_context()) context_ = *c;
      if (context_) spans_ = detail::current_source->collector();
    }
    bool run(transaction& tx) override {
      if (!context_) return call_(tx), true;
      const context_scope context(*context_, spans_);
      call_(tx);
      return true;
    }
    bool may_run_again() const override { return true; }
    waker* done(std::exception_ptr failure) noexcept override {
      tell_(std::move(failure));
      delete this;
      return nullptr;
    }

   private:
    function<void(transaction&)> call_;
    function<void(std::exception_ptr)> tell_;
    std::optional<request_context> context_{};
    detail::span_collector* spans_ = nullptr;
  };
  auto unit = std::make_unique<owned_unit>(std::move(f), std::move(done));
  unit->set(how);
  if (!impl_->submit(*unit)) {
    throw storage_error(storage_fault::busy, "more transactions wait than the queue takes");
  }
  static_cast<void>(unit.release());  // its own from here on
}

void database::read_erased(void* call, void (*run)(void* call, reader&), bool alone,
                           const read_options* how) {
  storage::time_limit limit;
  if (how && how->timeout > duration()) {
    limit.at = detail::coarse_milliseconds() + how->timeout.in_milliseconds();
  }
  if (how) limit.cancel = how->cancel;
  auto& engine = impl_->engine();
  auto* r = engine.take();
  struct put_back {
    storage::engine& all;
    storage::reading* r;
    bool began = false;
    ~put_back() {
      if (began) r->end();
      all.give_back(r);
    }
  } guard{engine, r};
  auto& view = alone ? r->begin_alone() : r->begin(limit);
  guard.began = true;
  run(call, view);
}

void database::ask_erased(storage::asked_query* q) {
  impl_->engine().ask(std::unique_ptr<storage::asked_query>(q));
}

void database::impl::with_connection(const function<void(storage::schema_connection&)>& f) {
  class connected final : public waited_unit {
   public:
    explicit connected(const function<void(storage::schema_connection&)>& call)
        : waited_unit(nullptr, nullptr), call_(call) {}
    bool wants_connection() const override { return true; }
    void run_on(storage::schema_connection& c) override { call_(c); }

   private:
    const function<void(storage::schema_connection&)>& call_;
  };
  refuse_to_wait("work on the schema");
  connected unit(f);
  if (!submit(unit)) {
    throw storage_error(storage_fault::busy, "more transactions wait than the queue takes");
  }
  unit.wait();
}

std::vector<std::string> database::migrate(const std::string& line,
                                           const std::vector<migration>& steps) {
  std::vector<std::string> done;
  impl_->with_connection([&done, &line, &steps](storage::schema_connection& c) {
    for (const auto& step : steps) {
      const bool trusted = step.virtual_tables && c.kind() == storage::engine_kind::sqlite;
      if (trusted) c.run_script("pragma trusted_schema=on");
    }
    done = storage::migrate(c, line, steps, c.time->now());
  });
  return done;
}

}  // namespace aft
