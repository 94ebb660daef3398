// Kills a move from SQLite to PostgreSQL with -9 again and again, while its source is written too,
// until one comes to its end, and compares all that is there.
//
//   move_kill_test [ROUNDS]         the test; by default 2 rounds, 50 with AFT_LONG set
//   move_kill_test victim FILE URL  what it kills

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <tuple>

#include <aft/aft.hpp>

#include "../test_database.hpp"
#include "../test_key.hpp"

namespace {

const std::vector<aft::migration> schema = {aft::migration{
    "001",
    "create table thing (id integer primary key, name text not null unique, "
    "  parent integer references thing (id)) strict;"
    "create table part (thing integer not null references thing (id) on delete cascade, "
    "  label text not null, primary key (thing, label)) strict"}};

int victim(const std::string& file, const std::string& url) try {
  aft::logger log(aft::log_to_stderr(), aft::log_level::error);
  aft::clock time;
  aft::database from(file, {.key = test_key()}, log, time), to(url, {}, log, time);
  to.migrate("host", schema);
  int continued = 0, anew = 0, found = 0;
  const auto result = aft::move(from, to);
  for (const auto& t : result.tables) {
    continued += t.way == aft::move_way::continued;
    anew += t.way == aft::move_way::anew;
    found += t.way == aft::move_way::found;
  }
  std::printf("  moved: %d tables found, %d continued, %d begun anew\n", found, continued, anew);
  return 0;
} catch (const aft::error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}

pid_t start_victim(const std::string& file, const std::string& url) {
  const auto process = ::fork();
  if (process) return process;
  ::execl("/proc/self/exe", "move_kill_test", "victim", file.c_str(), url.c_str(), nullptr);
  ::_exit(127);
}

void change(aft::database& db, std::int64_t round) {
  db.write([&](aft::transaction& tx) {
    tx.execute("delete from part where thing % 97 = $1 % 97", round);
    tx.execute("update thing set name = name || '+' where id % 31 = $1 % 31", round);
    tx.execute("insert into thing values ($1, 'late ' || $1, 1)", 1'000'000 - round);
  });
}

using all_rows = std::vector<std::tuple<std::int64_t, std::string, std::optional<std::int64_t>>>;
all_rows rows_of(aft::database& db, bool parts) {
  return db.read([&](aft::reader& r) {
    auto rows = parts ? r.all<all_rows::value_type>("select thing, label, null from part")
                      : r.all<all_rows::value_type>("select id, name, parent from thing");
    std::sort(rows.begin(), rows.end());
    return rows;
  });
}

// Whether the victim was killed after its commit, before it could say so. Waits until the server
// has done what the victim had asked of it.
bool has_ended(const std::string& url) {
  aft::logger log;
  aft::clock time;
  aft::database to(url, {}, log, time);
  if (!to.one<bool>("select to_regclass('aft_migration') is not null")) return false;
  to.one<bool>("select pg_advisory_xact_lock(7018130316843184997) is not null");
  return to.one<bool>("select obj_description('aft_migration'::regclass, 'pg_class') is not null");
}

// How often it was killed; -1: it failed.
int run_round(int number) {
  temporary_folder folder;
  const auto file = folder / "test.db", url = new_database();
  aft::logger log;
  aft::clock time;
  aft::database from(file, {.key = test_key()}, log, time);
  from.migrate("host", schema);
  from.write([](aft::transaction& tx) {
    tx.execute(
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < 30000) "
        "insert into thing select i, 'thing ' || i || hex(randomblob(150)), null from n");
    tx.execute("insert into part select id, hex(randomblob(100)) from thing");
  });
  int kills = 0;
  for (bool moved = false; !moved;) {
    const auto process = start_victim(file, url);
    // The later ones have time to end.
    auto wait = std::int64_t(aft::random_number(1'500'000u)) + (kills < 4 ? 0 : 120'000'000);
    int status = 0;
    while (::waitpid(process, &status, WNOHANG) == 0) {
      if (wait <= 0) {
        ::kill(process, SIGKILL);
        ::waitpid(process, &status, 0);
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      wait -= 1'000;
    }
    moved = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!moved && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) return -1;
    if (!moved) ++kills;
    moved = moved || has_ended(url);
    if (!moved) change(from, number * 100 + kills);
  }
  aft::database to(url, {}, log, time);
  const bool same =
      rows_of(from, true) == rows_of(to, true) && rows_of(from, false) == rows_of(to, false);
  return same ? kills : -1;
}

}  // namespace

int main(int count, char** words) {
  const std::string first = count > 1 ? words[1] : "";
  if (first == "victim") return victim(words[2], words[3]);
  const int rounds = !first.empty() ? std::atoi(words[1]) : std::getenv("AFT_LONG") ? 50 : 2;
  int kills = 0;
  for (int i = 0; i < rounds; ++i) {
    const int more = run_round(i);
    if (more < 0) {
      std::printf("round %d: the move failed, or its target is not its source\n", i);
      return 1;
    }
    kills += more;
  }
  std::printf("%d moves, killed %d times, and each complete in the end\n", rounds, kills);
  return 0;
}
