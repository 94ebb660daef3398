// A program with an io_context of its own, which serves there too. Handlers may be coroutines.
//
//   $ curl -s localhost:8080/slowly/400
//   that took 400 ms, and the program went on
//   $ curl -s -o /dev/null -w '%{http_code}' localhost:8080/slowly/5000
//   503
#include <chrono>
#include <csignal>
#include <cstdio>

#include <aft/aft.hpp>
#include <aft/asio.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

namespace asio = boost::asio;

// What the program does beside serving: one thread runs all of it, so nothing needs a lock.
struct ticker {
  explicit ticker(asio::io_context& loop) : timer(loop) { wait(); }
  void wait() {
    timer.expires_after(std::chrono::milliseconds(150));
    timer.async_wait([this](boost::system::error_code stopped) {
      if (stopped) return;
      ++ticks;
      wait();
    });
  }
  asio::steady_timer timer;
  int ticks = 0;
};

int main() {
  asio::io_context loop;
  ticker mine(loop);

  aft::app app;
  app.get("/slowly/{ms}",
          [&mine](int ms) -> asio::awaitable<std::string> {
            const int before = mine.ticks;
            asio::steady_timer timer(co_await asio::this_coro::executor,
                                     std::chrono::milliseconds(ms));
            co_await timer.async_wait(asio::use_awaitable);  // others are served meanwhile
            const auto* what = mine.ticks > before ? "went on" : "stood still";
            co_return "that took " + std::to_string(ms) + " ms, and the program " + what + "\n";
          })
      .deadline(aft::seconds(2));  // then it is cancelled, and the answer is 503

  asio::signal_set signals(loop, SIGINT, SIGTERM);
  signals.async_wait([&](boost::system::error_code, int) {
    mine.timer.cancel();
    app.stop();
  });

  const auto where = app.start_on(loop, {.port = 8080});
  std::printf("listening on %s\n", where.url().c_str());
  std::fflush(stdout);
  loop.run();  // until there is nothing left to do
}
