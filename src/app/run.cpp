// What only programs do: print, take signals, exit.

#include <aft/app.hpp>

#include <semaphore.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace aft {
namespace {

// A signal handler can reach nothing but what is global.
sem_t signals_came;
std::atomic<bool> asked_to_stop;

void ask_to_stop(int) {
  asked_to_stop = true;
  sem_post(&signals_came);
}
void ask_to_reload(int) { sem_post(&signals_came); }

class run_signals {
 public:
  explicit run_signals(bool reloads) : reloads_(reloads) {
    sem_init(&signals_came, 0, 0);
    asked_to_stop = false;
    struct sigaction action {};
    action.sa_handler = &ask_to_stop;
    action.sa_flags = int(SA_RESETHAND);  // a second signal ends a program that does not stop
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, &interrupt_before_);
    sigaction(SIGTERM, &action, &terminate_before_);
    if (!reloads_) return;
    action.sa_handler = &ask_to_reload;
    action.sa_flags = SA_RESTART;
    sigaction(SIGHUP, &action, &hang_up_before_);
  }
  run_signals(const run_signals&) = delete;
  run_signals& operator=(const run_signals&) = delete;
  ~run_signals() {
    sigaction(SIGINT, &interrupt_before_, nullptr);
    sigaction(SIGTERM, &terminate_before_, nullptr);
    if (reloads_) sigaction(SIGHUP, &hang_up_before_, nullptr);
    sem_destroy(&signals_came);
  }
  // True: reload; false: stop.
  bool wait() {
    while (sem_wait(&signals_came) != 0) {}
    return !asked_to_stop;
  }

 private:
  bool reloads_;
  struct sigaction interrupt_before_ {};
  struct sigaction terminate_before_ {};
  struct sigaction hang_up_before_ {};
};

}  // namespace

void app::run(listen_options options) {
  run_signals signals(!options.tls.certificates.empty());
  tell_when_stopped([] { ask_to_stop(0); });
  try {
    const auto where = start(std::move(options));
    std::printf("listening on %s\n", where.url().c_str());
    std::fflush(stdout);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    std::exit(1);
  }
  while (signals.wait()) {
    try {
      reload_certificates();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "the old certificates stay: %s\n", e.what());
    }
  }
  tell_when_stopped(nullptr);
  stop();
}

}  // namespace aft
