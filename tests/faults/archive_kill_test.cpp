// Kills a writing process with -9 again and again, and restores what it wrote from its archive
// alone.
//
//   archive_kill_test [ROUNDS]              the test; by default 4 rounds, 60 with AFT_LONG set
//   archive_kill_test victim FOLDER         what it kills: writes rows, and says when each was safe
//
// What is restored must be a sound prefix of what was written, never less than was restored before,
// and hold each row that was acknowledged more than 2 s before the kill (10 s without AFT_LONG, for
// machines with much else to do), and each that the archive said it had shipped.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include <aft/aft.hpp>

#include "../temporary_file.hpp"

namespace {

using std::chrono::milliseconds;

long long now_in_milliseconds() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int victim(const std::string& folder) {
  aft::logger log(aft::log_to_stderr(), aft::log_level::error);
  aft::clock time;
  aft::database db(folder + "/test.db", {.archive = {.directory = folder + "/archive"}}, log, time);
  db.migrate("host", {{"001",
                       "create table row (n integer primary key, pad text) strict;"
                       "create table mirror (n integer primary key) strict"}});
  auto n = db.read(
      [](aft::reader& r) { return r.one<std::int64_t>("select coalesce(max(n), 0) from row"); });
  while (!db.archived()->working) std::this_thread::sleep_for(milliseconds(1));
  std::printf("working 0 0\n");
  for (;;) {
    db.write([&](aft::transaction& tx) {
      ++n;
      tx.execute("insert into row values ($1, hex(randomblob(200)))", n);
      tx.execute("insert into mirror values ($1)", n);
    });
    std::printf("row %lld %lld\n", static_cast<long long>(n), now_in_milliseconds());
    if (n % 64 == 0) {
      const auto shipped = db.archived()->shipped, at = time.now();
      std::printf("behind %lld %lld\n", static_cast<long long>((at - shipped).in_milliseconds()),
                  now_in_milliseconds());
    }
    std::fflush(stdout);
  }
}

// Runs this program as the victim for a while, and gives what it printed until it was killed.
std::string run_and_kill(const std::string& folder, milliseconds span, long long& killed_at) {
  int ends[2];
  if (::pipe(ends) != 0) std::abort();
  const auto process = ::fork();
  if (process == 0) {
    ::dup2(ends[1], 1);
    ::close(ends[0]), ::close(ends[1]);
    ::execl("/proc/self/exe", "archive_kill_test", "victim", folder.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  std::string said;
  std::thread reads([&] {
    char part[4096];
    for (ssize_t n; (n = ::read(ends[0], part, sizeof part)) > 0;) {
      said.append(part, std::size_t(n));
    }
  });
  std::this_thread::sleep_for(span);
  killed_at = now_in_milliseconds();
  ::kill(process, SIGKILL);
  reads.join();
  ::close(ends[0]);
  ::waitpid(process, nullptr, 0);
  return said;
}

struct found {
  std::int64_t rows, last, mirrored, mirrored_last;
};

found restore(const std::string& folder, int round) {
  aft::logger log;
  aft::clock time;
  const auto target = folder + "/restored" + std::to_string(round);
  static_cast<void>(aft::restore_archive(folder + "/archive", target, time));
  aft::database db(target, {}, log, time);
  return db.read([](aft::reader& r) {
    return r.one<found>(
        "select count(*) rows, coalesce(max(n), 0) last, "
        "(select count(*) from mirror) mirrored, "
        "(select coalesce(max(n), 0) from mirror) mirrored_last from row");
  });
}

int test(int rounds, long long limit) {
  temporary_folder place;
  const auto folder = place / ".";
  std::int64_t before = 0;
  long long total = 0, worst = 0;
  for (int round = 0; round < rounds; ++round) {
    long long killed_at = 0;
    const auto said = run_and_kill(
        folder, milliseconds(1500 + std::int64_t(aft::random_number(3000))), killed_at);
    std::int64_t needed = before, shipped = 0;
    std::vector<std::pair<long long, long long>> acknowledged;  // row, when
    for (std::size_t at = 0, end; (end = said.find('\n', at)) != said.npos; at = end + 1) {
      char what[16];
      long long number = 0, when = 0;
      if (std::sscanf(said.c_str() + at, "%15s %lld %lld", what, &number, &when) != 3) continue;
      const std::string kind = what;
      if (kind == "row") {
        acknowledged.emplace_back(number, when);
        if (when < killed_at - limit) needed = number;
      } else if (kind == "behind") {
        for (const auto& [row, then] : acknowledged) {
          if (then < when - number - 20) shipped = row;  // two clocks, and their rounding
        }
      }
    }
    total += static_cast<long long>(acknowledged.size());
    if (!before && said.find("working") == said.npos) continue;  // killed before the first copy
    const auto got = restore(folder, round);
    for (const auto& [row, then] : acknowledged) {
      if (row <= got.last) continue;
      worst = std::max(worst, killed_at - then);
      break;
    }
    if (got.rows != got.last || got.mirrored != got.rows || got.mirrored_last != got.last ||
        got.last < needed || got.last < shipped) {
      std::printf(
          "round %d: restored %lld rows up to %lld, %lld mirrored; needed %lld, shipped %lld\n",
          round, static_cast<long long>(got.rows), static_cast<long long>(got.last),
          static_cast<long long>(got.mirrored), static_cast<long long>(needed),
          static_cast<long long>(shipped));
      return 1;
    }
    before = got.last;
  }
  std::printf("%d kills, %lld rows acknowledged, %lld restored, at most %lld ms of them lost\n",
              rounds, total, static_cast<long long>(before), worst);
  return before ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  const std::string first = count > 1 ? words[1] : "";
  if (first == "victim") return victim(words[2]);
  const bool thorough = std::getenv("AFT_LONG");
  const int rounds = !first.empty() ? std::atoi(words[1]) : thorough ? 60 : 4;
  return test(rounds, thorough ? 2000 : 10'000);
}
