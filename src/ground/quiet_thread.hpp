#pragma once
// Threads of the library. They take no signals: those are the host's.

#include <pthread.h>

#include <csignal>
#include <thread>
#include <utility>

namespace aft::detail {

template <class F>
std::thread quiet_thread(const char* name, F&& body) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::forward<F>(body));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
#if defined(__linux__)
  pthread_setname_np(thread.native_handle(), name);  // to 15 letters
#else
  static_cast<void>(name);
#endif
  return thread;
}

}  // namespace aft::detail
