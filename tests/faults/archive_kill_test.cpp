// Kills a writing process with -9 again and again, and restores what it wrote from its archive
// alone.
//
//   archive_kill_test [ROUNDS]              the test; by default 4 rounds, 60 with AFT_LONG set
//   archive_kill_test victim FOLDER         what it kills: writes rows, and says when each was safe
//
// What is restored must be a sound prefix of what was written, never less than was restored before,
// and hold each row that was acknowledged more than 2 s before the kill, and each that the archive
// said it had shipped. Where the machine has much else to do, the time that a thread beside the
// archive has lost by it, which only sleeps and syncs a byte, is allowed on top of the 2 s.

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <aft/aft.hpp>

#include "../temporary_file.hpp"
#include "../test_key.hpp"

namespace {

using std::chrono::milliseconds;

long long now_in_milliseconds() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Says how much time was lost since it began, in milliseconds, and when it said so.
void tell_lost_time(const std::string& folder) {
  constexpr long long usual = 25;  // for a sleep of 5 ms, and a sync
  const int file = ::open((folder + "/witness").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) std::abort();
  long long lost = 0;
  for (auto before = now_in_milliseconds();;) {
    std::this_thread::sleep_for(milliseconds(5));
    if (::pwrite(file, "x", 1, 0) != 1 || ::fsync(file) != 0) std::abort();
    const auto now = now_in_milliseconds();
    lost += std::max(now - before - usual, 0ll);
    before = now;
    std::printf("lost %lld %lld\n", lost, now);
  }
}

int victim(const std::string& folder) {
  std::thread(tell_lost_time, folder).detach();
  aft::logger log(aft::log_to_stderr(), aft::log_level::error);
  aft::clock time;
  aft::database db(folder + "/test.db",
                   {.archive = {.directory = folder + "/archive"}, .key = test_key()}, log, time);
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

// What the victim said of it.
class lost_time {
 public:
  void add(long long lost, long long when) { told_.emplace_back(when, lost); }
  // Between a moment and the kill; what it had no more time to tell is counted, too.
  long long between(long long then, long long killed_at) const {
    long long before = 0, last = 0, last_at = then;
    for (const auto& [when, lost] : told_) {
      if (when <= then) before = lost;
      last = lost;
      last_at = when;
    }
    return last - before + std::max(killed_at - std::max(last_at, then) - 25, 0ll);
  }

 private:
  std::vector<std::pair<long long, long long>> told_{};
};

struct found {
  std::int64_t rows, last, mirrored, mirrored_last;
};

found restore(const std::string& folder, int round) {
  aft::logger log;
  aft::clock time;
  const auto target = folder + "/restored" + std::to_string(round);
  static_cast<void>(
      aft::restore_archive(folder + "/archive", target, time, {}, {.database_key = test_key()}));
  aft::database db(target, {.key = test_key()}, log, time);
  return db.read([](aft::reader& r) {
    return r.one<found>(
        "select count(*) rows, coalesce(max(n), 0) last, "
        "(select count(*) from mirror) mirrored, "
        "(select coalesce(max(n), 0) from mirror) mirrored_last from row");
  });
}

int test(int rounds) {
  temporary_folder place;
  const auto folder = place / ".";
  std::int64_t before = 0;
  long long total = 0, worst = 0, most_allowed = 0;
  for (int round = 0; round < rounds; ++round) {
    long long killed_at = 0;
    const auto said = run_and_kill(
        folder, milliseconds(1500 + std::int64_t(aft::random_number(3000))), killed_at);
    std::int64_t needed = before, shipped = 0;
    std::vector<std::pair<long long, long long>> acknowledged;  // row, when
    lost_time lost;
    for (std::size_t at = 0, end; (end = said.find('\n', at)) != said.npos; at = end + 1) {
      char what[16];
      long long number = 0, when = 0;
      if (std::sscanf(said.c_str() + at, "%15s %lld %lld", what, &number, &when) != 3) continue;
      const std::string kind = what;
      if (kind == "row") {
        acknowledged.emplace_back(number, when);
      } else if (kind == "lost") {
        lost.add(number, when);
      } else if (kind == "behind") {
        for (const auto& [row, then] : acknowledged) {
          if (then < when - number - 20) shipped = row;  // two clocks, and their rounding
        }
      }
    }
    const auto limit = [&](long long then) { return 2000 + lost.between(then, killed_at); };
    for (auto row = acknowledged.rbegin(); row != acknowledged.rend(); ++row) {
      if (killed_at - row->second <= 2000) continue;  // whatever was lost
      if (killed_at - row->second <= limit(row->second)) continue;
      needed = std::max<std::int64_t>(needed, row->first);
      break;
    }
    total += static_cast<long long>(acknowledged.size());
    if (!before && said.find("working") == said.npos) continue;  // killed before the first copy
    const auto got = restore(folder, round);
    for (const auto& [row, then] : acknowledged) {
      if (row <= got.last) continue;
      worst = std::max(worst, killed_at - then);
      most_allowed = std::max(most_allowed, limit(then));
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
  std::printf(
      "%d kills, %lld rows acknowledged, %lld restored, at most %lld ms of them lost; "
      "%lld ms allowed\n",
      rounds, total, static_cast<long long>(before), worst, most_allowed);
  return before ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  const std::string first = count > 1 ? words[1] : "";
  if (first == "victim") return victim(words[2]);
  const bool thorough = std::getenv("AFT_LONG");
  const int rounds = !first.empty() ? std::atoi(words[1]) : thorough ? 60 : 4;
  return test(rounds);
}
