// Kills a writing process with -9 again and again, and restores what it wrote from its archive
// alone.
//
//   archive_kill_test [ROUNDS]              the test; by default 4 rounds, 60 with AFT_LONG set
//   archive_kill_test victim FOLDER EVERY RATE
//                                           what it kills: writes rows, says when each was begun
//                                           and safe; begins a copy EVERY so many milliseconds, of
//                                           RATE bytes a second; and ends by itself on SIGTERM
//
// What is restored must be a sound prefix of what was written, never less than was restored before,
// and hold each row that was acknowledged more than 2 s before the kill, and each that the archive
// said it had shipped. After each kill it goes back to moments, too, chosen at random in all that
// was written until then: to a prefix with each row that was acknowledged more than 2 s before the
// moment, and none that was begun after it. Such a moment may be refused only where the archive was
// not yet working, or the kill came less than 2 s later. Some runs end by themselves, and lose
// nothing; the next ones have a slow first copy, and are often killed before that is whole.
//
// Where the machine has much else to do, the time that a thread beside the archive has lost by it,
// which only sleeps and syncs a byte, is allowed on top of the 2 s.

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <aft/aft.hpp>

#include "../temporary_file.hpp"
#include "../test_key.hpp"

namespace {

using std::chrono::milliseconds;

// By the clock of the archive.
long long now_in_milliseconds() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
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

volatile std::sig_atomic_t is_to_end = 0;

int victim(const std::string& folder, int base_every, int rate) {
  ::signal(SIGTERM, [](int) { is_to_end = 1; });
  std::thread(tell_lost_time, folder).detach();
  aft::logger log(aft::log_to_stderr(), aft::log_level::error);
  aft::clock time;
  aft::database db(folder + "/test.db",
                   {.archive = {.directory = folder + "/archive",
                                .base_every = aft::milliseconds(base_every),
                                .bytes_per_second = rate},
                    .key = test_key()},
                   log, time);
  db.migrate("host", {{"001",
                       "create table row (n integer primary key, pad text) strict;"
                       "create table mirror (n integer primary key) strict"}});
  auto n = db.read(
      [](aft::reader& r) { return r.one<std::int64_t>("select coalesce(max(n), 0) from row"); });
  bool works = false;
  while (!is_to_end) {
    if (!works && db.archived()->working) {
      works = true;
      std::printf("working 0 %lld\n", now_in_milliseconds());
    }
    ++n;
    std::printf("begin %lld %lld\n", static_cast<long long>(n), now_in_milliseconds());
    std::fflush(stdout);
    db.write([&](aft::transaction& tx) {
      tx.execute("insert into row values ($1, hex(randomblob(200)))", n);
      tx.execute("insert into mirror values ($1)", n);
    });
    std::printf("row %lld %lld\n", static_cast<long long>(n), now_in_milliseconds());
    if (works && n % 64 == 0) {
      const auto shipped = db.archived()->shipped, at = time.now();
      std::printf("behind %lld %lld\n", static_cast<long long>((at - shipped).in_milliseconds()),
                  now_in_milliseconds());
    }
    std::fflush(stdout);
  }
  return 0;
}

// What the victim said of the time that it lost.
class lost_time {
 public:
  void add(long long lost, long long when) { told_.emplace_back(when, lost); }
  // What it had no more time to tell until it was killed is counted, too.
  long long between(long long then, long long until, long long killed_at) const {
    until = std::min(until, killed_at);
    long long before = 0, last = 0, last_at = then;
    for (const auto& [when, lost] : told_) {
      if (when <= then) before = lost;
      last = lost;
      last_at = when;
      if (when >= until) return last - before;
    }
    return last - before + std::max(killed_at - std::max(last_at, then) - 25, 0ll);
  }

 private:
  std::vector<std::pair<long long, long long>> told_{};
};

struct row_times {
  long long row, begun, safe;  // safe: 0 where it was not told any more
};

// A run of the victim.
struct run {
  std::vector<row_times> rows{};
  lost_time lost{};
  long long shipped = 0;  // the last row of which the archive said so
  long long working_at = 0, killed_at = 0;
  bool ended_itself = false;

  // What may be missing of a moment: for how many milliseconds before it.
  long long allowed(long long since, long long moment) const {
    return 2000 + lost.between(since, moment, killed_at);
  }
  // The last row that must be there where it goes back to a moment.
  long long needed_at(long long moment) const {
    for (auto r = rows.rbegin(); r != rows.rend(); ++r) {
      if (!r->safe || moment - r->safe <= 2000) continue;  // whatever was lost
      if (moment - r->safe > allowed(r->safe, moment)) return r->row;
    }
    return 0;
  }
  bool must_know(long long moment) const {
    return working_at && moment >= working_at && moment <= killed_at &&
           killed_at - moment > allowed(moment, killed_at);
  }
};

run read_run(const std::string& said) {
  run r;
  for (std::size_t at = 0, end; (end = said.find('\n', at)) != said.npos; at = end + 1) {
    char what[16];
    long long number = 0, when = 0;
    if (std::sscanf(said.c_str() + at, "%15s %lld %lld", what, &number, &when) != 3) continue;
    const std::string kind = what;
    if (kind == "begin") {
      r.rows.push_back({number, when, 0});
    } else if (kind == "row") {
      r.rows.back().safe = when;
    } else if (kind == "lost") {
      r.lost.add(number, when);
    } else if (kind == "working") {
      r.working_at = when;
    } else if (kind == "behind") {
      for (const auto& row : r.rows) {
        if (row.safe && row.safe < when - number - 20) r.shipped = row.row;  // roundings
      }
    }
  }
  return r;
}

struct run_kind {
  int base_every;  // milliseconds
  int rate;        // bytes per second
  bool ends_itself;
};

constexpr run_kind kinds[] = {
    {86'400'000, 64 << 20, false},
    {500, 64 << 20, false},
    {86'400'000, 64 << 20, true},
    {86'400'000, 100'000, false},
};

// Runs this program as the victim for a while.
run run_and_end(const std::string& folder, milliseconds span, const run_kind& kind) {
  int ends[2];
  if (::pipe(ends) != 0) std::abort();
  const auto every = std::to_string(kind.base_every), rate = std::to_string(kind.rate);
  const auto process = ::fork();
  if (process == 0) {
    ::dup2(ends[1], 1);
    ::close(ends[0]), ::close(ends[1]);
    ::execl("/proc/self/exe", "archive_kill_test", "victim", folder.c_str(), every.c_str(),
            rate.c_str(), nullptr);
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
  const auto killed_at = now_in_milliseconds();
  ::kill(process, kind.ends_itself ? SIGTERM : SIGKILL);
  reads.join();
  ::close(ends[0]);
  ::waitpid(process, nullptr, 0);
  auto r = read_run(said);
  r.killed_at = kind.ends_itself ? now_in_milliseconds() : killed_at;
  r.ended_itself = kind.ends_itself;
  return r;
}

struct found {
  std::int64_t rows = 0, last = 0, mirrored = 0, mirrored_last = 0;

  bool is_prefix() const { return rows == last && mirrored == rows && mirrored_last == last; }
};

// Nothing: it was told that the archive does not know the moment.
std::optional<found> restore(const std::string& folder, std::optional<long long> moment = {}) {
  aft::logger log;
  aft::clock time;
  const temporary_folder place;
  const auto target = place / "restored";
  std::optional<aft::time_point> to;
  if (moment) to = aft::time_point(aft::milliseconds(*moment));
  try {
    static_cast<void>(
        aft::restore_archive(folder + "/archive", target, time, to, {.database_key = test_key()}));
  } catch (const aft::configuration_error&) {
    return {};
  }
  aft::database db(target, {.key = test_key()}, log, time);
  return db.read([](aft::reader& r) {
    if (!r.one<int>("select count(*) from sqlite_schema where name = 'mirror'")) return found{};
    return r.one<found>(
        "select count(*) rows, coalesce(max(n), 0) last, "
        "(select count(*) from mirror) mirrored, "
        "(select coalesce(max(n), 0) from mirror) mirrored_last from row");
  });
}

class matrix {
 public:
  explicit matrix(int rounds) : rounds_(rounds) {}

  // 0 where all was as it must be.
  int go() {
    for (int n = 0; n < rounds_; ++n) {
      runs_.push_back(run_and_end(folder_,
                                  milliseconds(1500 + std::int64_t(aft::random_number(3000))),
                                  kinds[std::size_t(n) % std::size(kinds)]));
      for (const auto& row : runs_.back().rows) acknowledged_ += row.safe != 0;
      if (!before_ && !runs_.back().working_at) continue;  // killed before the first copy
      if (!latest_is_right()) return 1;
      for (int i = 0; i < 4; ++i) {
        if (!moment_is_right(i % 2 ? any_moment() : late_moment())) return 1;
      }
    }
    std::printf(
        "%d kills, %lld rows acknowledged, %lld restored, at most %lld ms of them lost; "
        "%lld ms allowed; %d moments restored, %d refused\n",
        rounds_, acknowledged_, before_, worst_, most_allowed_, known_, refused_);
    return before_ && known_ ? 0 : 1;
  }

 private:
  bool latest_is_right() {
    const auto& last = runs_.back();
    const auto got = restore(folder_);
    if (!got) return wrong("nothing is restored", 0, 0);
    for (const auto& row : last.rows) {
      if (!last.working_at || !row.safe || row.row <= got->last) continue;
      worst_ = std::max(worst_, last.killed_at - row.safe);
      most_allowed_ = std::max(most_allowed_, last.allowed(row.safe, last.killed_at));
      break;
    }
    auto needed = std::max(before_, last.shipped);
    if (last.working_at) needed = std::max(needed, last.needed_at(last.killed_at));
    if (last.ended_itself && !last.rows.empty()) needed = std::max(needed, last.rows.back().row);
    if (!got->is_prefix() || got->last < needed) return wrong("the latest", got->last, needed);
    before_ = got->last;
    return true;
  }

  bool moment_is_right(long long moment) {
    const auto got = restore(folder_, moment);
    if (!got) {
      ++refused_;
      for (const auto& r : runs_) {
        if (r.must_know(moment)) return wrong("a moment is refused", 0, moment);
      }
      return true;
    }
    ++known_;
    long long needed = 0;
    for (const auto& r : runs_) {
      needed = std::max(needed, r.needed_at(moment));
      for (const auto& row : r.rows) {
        if (row.row == got->last && row.begun > moment) return wrong("later", got->last, moment);
      }
    }
    if (!got->is_prefix() || got->last < needed) return wrong("a moment", got->last, needed);
    return true;
  }

  long long any_moment() const {
    const auto first =
        runs_.front().rows.empty() ? runs_.front().killed_at : runs_.front().rows[0].begun;
    return between(first, runs_.back().killed_at);
  }
  long long late_moment() const {
    const auto end = runs_.back().killed_at;
    return between(end - 3000, end + 500);
  }
  static long long between(long long first, long long last) {
    return first + static_cast<long long>(aft::random_number(std::uint64_t(last - first + 1)));
  }

  bool wrong(const char* what, long long is, long long should) const {
    std::printf("round %zu, %s: %lld, and should be %lld\n", runs_.size(), what, is, should);
    return false;
  }

  const int rounds_;
  temporary_folder place_{};
  const std::string folder_ = place_ / ".";
  std::vector<run> runs_{};
  long long before_ = 0, acknowledged_ = 0, worst_ = 0, most_allowed_ = 0;
  int known_ = 0, refused_ = 0;
};

}  // namespace

int main(int count, char** words) {
  const std::string first = count > 1 ? words[1] : "";
  if (first == "victim") {
    return victim(words[2], std::atoi(words[3]), std::atoi(words[4]));
  }
  const bool thorough = std::getenv("AFT_LONG");
  const int rounds = !first.empty() ? std::atoi(words[1]) : thorough ? 60 : 4;
  return matrix(rounds).go();
}
