#pragma once
// Read connections, handed out for one view at a time.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "../engine.hpp"
#include "session.hpp"

namespace aft::storage::postgres {

// Any thread.
class session_pool {
 public:
  session_pool(const server_address& address, const storage_options& options, const clock& time)
      : address_(address), options_(options), time_(time) {}
  const storage_options& options() const { return options_; }

  // Waits where all are taken: throws storage_error, busy, late or cancelled.
  std::unique_ptr<session> take(const time_limit& limit);
  void give_back(std::unique_ptr<session> s);

 private:
  const server_address& address_;
  const storage_options& options_;
  const clock& time_;
  std::mutex mutex_;
  std::condition_variable given_back_;
  std::vector<std::unique_ptr<session>> free_;  // guarded by mutex_, as is the next
  std::size_t taken_ = 0;
};

class shared_reads;

// One view at a time; it takes a connection with its first query.
class view final : public reading, private connection {
 public:
  view(session_pool& pool, shared_reads& shared, const clock& app_time)
      : pool_(pool), shared_(shared), reader_(*this) {
    time = &app_time;
    on_query = pool.options().on_query;
  }

  reader& begin(const time_limit& until) override;
  void end() override;
  reader& begin_alone() override;

 private:
  std::size_t query(std::string_view text, std::span<const detail::parameter> values,
                    const row_target& rows) override;
  std::int64_t execute(std::string_view text, std::span<const detail::parameter> values) override;
  engine_kind kind() const override { return engine_kind::postgres; }
  std::string explain(std::string_view text) override;
  void run_savepoint(const char* command) override { begun().run_savepoint(command); }
  // By the connection, which outlives the view together with its statements.
  std::string_view kept(std::string_view text) override { return begun().kept(text); }
  bool forget(std::string_view text) override { return begun().forget(text); }
  session& begun();

  session_pool& pool_;
  shared_reads& shared_;
  std::unique_ptr<session> session_;
  bool alone_ = false;  // what one statement sees is of one moment without a transaction
  storage_access::plain_reader reader_;
};

}  // namespace aft::storage::postgres
