#pragma once
// How jobs are worked off.

#include <cstddef>

#include <aft/ground/function.hpp>
#include <aft/ground/time.hpp>

namespace aft {

struct jobs_options {
  unsigned threads = 2;        // that run jobs which take no transaction; 0: none are run here
  std::size_t prefetch = 64;   // jobs that this process holds at once, running or about to
  duration poll = seconds(1);  // how often to look for what other processes have enqueued
  duration heartbeat = seconds(10);  // how often a worker says that it lives
  duration lease = seconds(30);      // without a sign of life for this long, its jobs start again
  // How long a job that failed waits before its next attempt; `attempt` is the number of the failed
  // one, from 1. Called on any thread. By default attempt^4 seconds and up to a tenth more by
  // chance.
  function<duration(int attempt)> retry_delay{};
};

}  // namespace aft
