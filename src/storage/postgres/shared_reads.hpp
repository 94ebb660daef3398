#pragma once
// Queries alone, of many threads on few connections: those that come while others are under way go
// together in the next round trip.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <vector>

#include <aft/storage/asked_query.hpp>

#include "bell.hpp"
#include "lone_query.hpp"
#include "round.hpp"
#include "views.hpp"

namespace aft::storage::postgres {

// Who comes when no round may begin waits for one. The others lead: they take along who waits. So
// one that is alone costs no hand-over, and many cost a round trip for all.
//
// Only texts that have been quick share a round, as all of it waits for the slowest. The others,
// and what is not known yet, have a connection to themselves.
//
// Any thread.
class shared_reads {
 public:
  shared_reads(session_pool& pool, const storage_options& options);
  shared_reads(const shared_reads&) = delete;
  shared_reads& operator=(const shared_reads&) = delete;
  ~shared_reads();  // answers what was asked

  std::size_t query(std::string_view text, std::span<const detail::parameter> values,
                    const row_target& rows);

  // On threads of its own, which are made with the first. Throws storage_error, busy.
  void ask(std::unique_ptr<asked_query> q);

 private:
  class waited;
  class unwaited;
  struct thread {
    std::condition_variable woken{};
    bell more{};  // waits, for one that listens
    std::chrono::steady_clock::time_point listens_since{};
    std::thread runs{};
  };
  using steady = std::chrono::steady_clock;
  // Queries that are not worth being shared out, or being sent while others are under way.
  static constexpr std::size_t small_round = 8;
  static constexpr std::size_t rounds_ahead = 2;  // on a connection, of threads of ours
  // Parts of the size of other rounds that make one worth it. Those who lead themselves begin at
  // once; a thread of ours that is woken finds more when it comes, so it is woken later.
  static constexpr std::size_t as_many = 1, a_half = 2, any = round::largest;
  static constexpr auto quick = std::chrono::milliseconds(5);
  static constexpr auto slow_round = std::chrono::milliseconds(50);

  bool is_worth_it(std::size_t size, std::size_t others, std::size_t part) const;
  bool begins_round(lone_query& q, std::size_t part);
  void lead(lone_query& first);
  void lead_ours(thread& me, lone_query& first, std::unique_lock<std::mutex>& lock);
  void run(round& taken);
  std::size_t run_ahead(thread& me, round& first);
  void send_ahead(thread& me, session& server, round& next, std::size_t finished);
  std::size_t settle(session& server, round& now, round& next);
  void note_slow(const round& taken);
  void take_along(lone_query& first, round& to, std::size_t shares);
  lone_query* take_waiting();
  lone_query* end_round(std::size_t size, std::size_t part);
  std::size_t query_alone(std::string_view text, std::span<const detail::parameter> values,
                          const row_target& rows);
  void start_threads();
  thread* find_idle();
  thread* find_listening();
  void wake_all();
  void rest(thread& me, std::unique_lock<std::mutex>& lock);
  void work(thread& me);

  session_pool& pool_;
  const std::size_t most_rounds_;  // at once
  const std::size_t most_threads_;
  const std::size_t most_unfinished_;
  std::atomic<std::size_t> unfinished_{0};  // of those who do not wait

  std::mutex mutex_;                              // guards all that follows
  std::unordered_set<std::string_view> quick_{};  // texts
  std::deque<lone_query*> waiting_{};             // for a round
  std::size_t rounds_ = 0;                        // that are under way
  std::size_t in_rounds_ = 0;                     // queries
  std::vector<lone_query*> leaders_{};            // of rounds, for our threads
  std::deque<unwaited*> alone_{};                 // the same
  std::size_t busy_alone_ = 0;                    // threads
  bool stopping_ = false;
  std::vector<std::unique_ptr<thread>> threads_{};
  std::vector<thread*> idle_{};
  std::vector<thread*> listening_{};  // for more to send, while they wait for an answer
};

}  // namespace aft::storage::postgres
