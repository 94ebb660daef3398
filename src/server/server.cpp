#include "server.hpp"

#include <algorithm>
#include <chrono>

#include "../ground/quiet_thread.hpp"

namespace aft::server {
namespace {

unsigned loop_count(unsigned asked) {
  if (asked) return std::min(asked, 256u);
  return std::clamp(std::thread::hardware_concurrency(), 1u, 4u);
}

}  // namespace

http_server::http_server(const http::dispatcher& routes, const logger& log,
                         const listen_options& options, bool through_asio)
    : state_{routes, log, options, through_asio} {
  const auto count = loop_count(options.threads);
  auto port = options.port;
  if (count > 1) {
    // Sockets that share a port would also share it with a stranger's; so ask for it alone first.
    auto alone = listen_tcp(options.address, port, false);
    port = bound_to(alone).port;
  }
  for (unsigned i = 0; i < count; ++i) {
    auto listener = listen_tcp(options.address, port, count > 1);
    where_ = bound_to(listener);
    loops_.push_back(std::make_unique<event_loop>(state_, std::move(listener)));
  }
  for (auto& loop : loops_) {
    threads_.push_back(detail::quiet_thread("aft io", [&loop] { loop->run(); }));
  }
}

void http_server::stop(duration drain) {
  using clock = std::chrono::steady_clock;
  for (auto& loop : loops_) loop->drain();
  const auto deadline = clock::now() + std::chrono::microseconds(drain.in_microseconds());
  while (state_.connections > 0 && clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (auto& loop : loops_) loop->abort();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

http_server::~http_server() {
  if (!threads_.empty()) stop({});
}

}  // namespace aft::server
