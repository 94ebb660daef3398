#pragma once
// Servers that fail too often to be asked.

#include <map>
#include <mutex>
#include <string>

#include <aft/client/http_client.hpp>
#include <aft/ground/time.hpp>

namespace aft::client {

// Any thread.
class circuit_breaker {
 public:
  explicit circuit_breaker(const http_client_options::breaker_options& options)
      : options_(options) {}

  // Whether the server may be asked now. Who is let in says what came of it: one of the two below.
  bool admits(const std::string& server, time_point now);
  void answered(const std::string& server, bool well, time_point now);
  void gave_up(const std::string& server);  // neither well nor ill: it was cancelled

 private:
  static constexpr std::size_t most_servers = 1000;

  struct counts {
    int calls = 0, failures = 0;
  };
  struct circuit {
    time_point since{};          // of `current`
    counts current{}, before{};  // each of half a window
    bool is_open = false;
    bool is_tried = false;  // while open: by one call
    time_point opened_at{};
  };
  circuit& find(const std::string& server, time_point now);

  http_client_options::breaker_options options_;
  std::mutex mutex_;
  std::map<std::string, circuit> circuits_;  // guarded by mutex_
};

}  // namespace aft::client
