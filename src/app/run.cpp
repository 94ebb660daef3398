// What only programs do: print, take signals, exit.

#include <aft/app.hpp>

#include <semaphore.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace aft {
namespace {

// A signal handler can reach nothing but what is global.
sem_t asked_to_stop;

void ask_to_stop(int) { sem_post(&asked_to_stop); }

class stop_signals {
 public:
  stop_signals() {
    sem_init(&asked_to_stop, 0, 0);
    struct sigaction action {};
    action.sa_handler = &ask_to_stop;
    action.sa_flags = int(SA_RESETHAND);  // a second signal ends a program that does not stop
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, &interrupt_before_);
    sigaction(SIGTERM, &action, &terminate_before_);
  }
  stop_signals(const stop_signals&) = delete;
  stop_signals& operator=(const stop_signals&) = delete;
  ~stop_signals() {
    sigaction(SIGINT, &interrupt_before_, nullptr);
    sigaction(SIGTERM, &terminate_before_, nullptr);
    sem_destroy(&asked_to_stop);
  }
  void wait() {
    while (sem_wait(&asked_to_stop) != 0) {}
  }

 private:
  struct sigaction interrupt_before_ {};
  struct sigaction terminate_before_ {};
};

}  // namespace

void app::run(listen_options options) {
  stop_signals signals;
  tell_when_stopped([] { sem_post(&asked_to_stop); });
  try {
    const auto where = start(std::move(options));
    std::printf("listening on %s\n", where.url().c_str());
    std::fflush(stdout);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    std::exit(1);
  }
  signals.wait();
  tell_when_stopped(nullptr);
  stop();
}

}  // namespace aft
