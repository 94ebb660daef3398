// Hashes passwords and does nothing else: what processors and memory that are busy with it cost
// another program. The control of `login_storm`.

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <thread>
#include <vector>

#include <aft/auth/password.hpp>

#include "arguments.hpp"

namespace {

constexpr int niceness = 10;  // as the library's own threads for it have

void hash_until(std::chrono::steady_clock::time_point end) {
  while (std::chrono::steady_clock::now() < end) aft::hash_password("kelp harbor quilt");
}

}  // namespace

int main(int count, char** words) {
  const bench::arguments given(count, words, {"--threads", "--milliseconds"});
  try {
    ::setpriority(PRIO_PROCESS, 0, niceness);
    const auto end = std::chrono::steady_clock::now() +
                     std::chrono::milliseconds(given.number("--milliseconds", 1000, 1, 600'000));
    std::vector<std::thread> threads;
    for (std::uint64_t i = given.number("--threads", 1, 1, 64); i > 0; --i) {
      threads.emplace_back(hash_until, end);
    }
    for (auto& t : threads) t.join();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
