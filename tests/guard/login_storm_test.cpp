// Many log-ins at once.

#include <sys/resource.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "../server/client.hpp"
#include "../watchdog.hpp"
#include "guarded_app.hpp"

namespace {

const int log_ins = on_postgres() ? 250 : 1000;  // several round trips each
constexpr int enough = 2000;                     // answers to others meanwhile
constexpr long memory_of_one_hash = 19'456;      // KiB

// Files that this process may have open, raised if that is allowed.
bool has_room_for(rlim_t files) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= files) return true;
  if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < files) return false;
  limit.rlim_cur = files;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

// KiB that are resident.
long resident() {
  std::ifstream statm("/proc/self/statm");
  long whole = 0, pages = 0;
  statm >> whole >> pages;
  return pages * (::sysconf(_SC_PAGESIZE) / 1024);
}

std::string log_in_request(int i) {
  const auto body =
      R"({"email":"user)" + std::to_string(i) + R"(@example.org","password":"kelp harbor quilt"})";
  return "POST /api/account/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
         "application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Of the threads of this process with that name, those with that niceness.
int threads_of(const std::string& name, int niceness) {
  int count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream comm(task.path() / "comm"), stat(task.path() / "stat");
    std::string named, fields;
    std::getline(comm, named);
    std::getline(stat, fields);
    if (fields.empty()) continue;  // it has just ended
    std::istringstream rest(fields.substr(fields.rfind(')') + 2));
    std::string field;
    for (int i = 3; i < 19; ++i) rest >> field;  // the nice value is the 19th of all
    int nice = 0;
    if (rest >> nice && named == name && nice == niceness) ++count;
  }
  return count;
}

}  // namespace

#if defined(__linux__)
TEST_CASE("passwords are hashed by threads that let others go first") {
  const int usual = ::getpriority(PRIO_PROCESS, 0);
  if (usual >= 10) {
    MESSAGE("skipped: this process lets others go first as a whole");
    return;
  }
  aft::accounts how;
  how.hash_threads = 1;
  guarded_app a(":memory:", std::move(how));
  a.app.get("/blocking", aft::blocking([] { return "blocking"; })).allow_anyone();
  a.app.start({.port = 0});
  CHECK(browser(a.app).log_in("nobody@example.org").status() == 401);  // by that one thread
  CHECK(browser(a.app).get("/blocking").status() == 200);
  CHECK(threads_of("aft work", 10) == 1);
  CHECK(threads_of("aft work", usual) >= 1);
}
#endif

TEST_CASE("a crowd of log-ins at once takes the memory of the hashing threads, and delays nobody") {
  if (!has_room_for(2 * log_ins + 200)) {
    MESSAGE("skipped: this process may not have so many files open");
    return;
  }
  const watchdog over("a crowd of log-ins", std::chrono::seconds(240));
  aft::accounts how;
  how.hash_threads = 2;
  how.address_attempts.free_attempts = 100'000;
  guarded_app a(":memory:", std::move(how), true, {.memory_kib = memory_of_one_hash, .passes = 1});
  a.app.get("/plain", [] { return "plain"; }).allow_anyone();
  a.app.get("/blocking", aft::blocking([] { return "blocking"; })).allow_anyone();
  a.app.get("/stored", [](aft::reader& db) { return db.one<int>("select 1"); }).allow_anyone();
  const auto port = a.app.start({.port = 0}).port;
  std::vector<std::unique_ptr<client>> all;
  for (int i = 0; i < log_ins; ++i) all.push_back(std::make_unique<client>(port));
  const auto before = resident();
  for (int i = 0; i < log_ins; ++i) all[std::size_t(i)]->send(log_in_request(i));

  std::atomic<bool> done{false};
  std::atomic<int> answered{0}, wrong{0};
  std::thread other([&] {
    client c(port);
    while (!done && answered < enough) {
      for (auto* path : {"/plain", "/blocking", "/stored"}) {
        c.send("GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
        if (c.response().starts_with("HTTP/1.1 200")) ++answered;
        else ++wrong;
      }
    }
  });
  int refused = 0, unknown = 0;
  int meanwhile = 0;  // answers to the others before the last log-in was answered
  long most = before;
  for (auto& c : all) {
    meanwhile = answered;
    const auto status = c->response().substr(9, 3);
    unknown += status == "401";
    refused += status == "503" || status == "429";
    most = std::max(most, resident());
  }
  done = true;
  other.join();
  a.app.stop();
  CHECK(unknown + refused == log_ins);
  CHECK(unknown > 0);
  CHECK(wrong == 0);
  CHECK(meanwhile > 100);  // behind the log-ins they would be three at most
  // All at once would be 19 GB. Connections and the sanitizers have some room.
  CHECK(most - before < 2 * memory_of_one_hash + 300'000);
}
