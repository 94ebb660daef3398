#pragma once
// The stack without a socket: the same session, over strings.

#include <memory>
#include <mutex>
#include <vector>

#include <aft/app.hpp>

#include "../http/session.hpp"

namespace aft {

// Any thread; each request that is answered at one time has a host of its own.
class in_process_client {
 public:
  // `coroutines` may be null, where there are none.
  in_process_client(const http::dispatcher& routes, const http_limits& limits,
                    http::coroutine_loop* coroutines)
      : routes_(routes), limits_(limits), coroutines_(coroutines) {}
  test_response send(const test_request& request);

 private:
  std::unique_ptr<http::session_host> take_host();

  const http::dispatcher& routes_;
  const http_limits limits_;
  http::coroutine_loop* const coroutines_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<http::session_host>> hosts_;  // guarded by mutex_; not in use
};

}  // namespace aft
