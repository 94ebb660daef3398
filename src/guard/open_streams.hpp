#pragma once
// What is open under sessions and API keys: event streams and WebSockets, which end when those do.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <aft/auth/sessions.hpp>
#include <aft/ground/log.hpp>
#include <aft/storage/database.hpp>

#include "../http/call.hpp"

namespace aft::guarding {

// What somebody was let in by: the key of a session's token (auth::session_key), or an API key.
struct way_in {
  std::string session{};
  std::int64_t api_key = 0;
};

class open_stream;

// Looks up the sessions of all that is open, on a thread of its own, when it hears that some have
// ended, and from time to time, which is how it hears of other processes on SQLite and of limits
// that have passed. Any thread. Outlives what it holds.
class open_streams {
 public:
  // The database and the log outlive it.
  open_streams(database& db, const logger& log, const auth::session_limits& limits,
               duration look_every);
  open_streams(const open_streams&) = delete;
  open_streams& operator=(const open_streams&) = delete;
  ~open_streams();

  // How often it has heard that sessions ended: for hold(), asked before the session is looked up.
  std::uint64_t moment() const { return heard_.load(); }

  // Lets the answer of the call end with what it was let in by, if it goes on without a known size.
  // A session that ended since the moment is noticed, too.
  void hold(http::call& c, way_in by, std::uint64_t as_of);

 private:
  friend class open_stream;
  using streams = std::vector<std::shared_ptr<open_stream>>;

  std::shared_ptr<open_stream> add(way_in by, std::uint64_t as_of);
  void remove(const open_stream& gone);
  void hear();
  void work();
  void end_those_over(const streams& all);
  void end_those_over(reader& db, const streams& all) const;

  database& db_;
  const logger& log_;
  const auth::session_limits limits_;
  const duration look_every_;
  std::atomic<std::uint64_t> heard_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_, as are the next.
  std::unordered_map<const open_stream*, std::weak_ptr<open_stream>> open_;
  bool must_look_ = false;
  bool stopping_ = false;
  std::uint64_t listener_ = 0;
  std::thread thread_;
};

}  // namespace aft::guarding
