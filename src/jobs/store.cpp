#include "store.hpp"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>

#include <aft/ground/error.hpp>
#include <aft/jobs/job.hpp>

#include "../storage/connection.hpp"

namespace aft::jobs {
namespace {

// state: 0 ready (also: later), 1 running, 2 dead
const char* const schema = R"(
create table aft_worker (
  id       integer primary key autoincrement,  -- never that of another one
  machine  text not null,     -- the boot and the container that its process belongs to
  process  integer not null,
  started  integer not null,  -- of the process, to tell it from a later one of the same number
  seen_at  integer not null
) strict;

create table aft_job (
  id           integer primary key,
  kind         text not null,
  arguments    text not null,
  queue        text not null,
  state        integer not null default 0,
  priority     integer not null default 0,
  run_at       integer not null,
  attempt      integer not null default 0,
  max_attempts integer not null,
  worker       integer,
  error        text,
  created_at   integer not null,
  finished_at  integer
) strict;

create index aft_job_ready on aft_job (priority desc, run_at, id) where state = 0;
create index aft_job_due on aft_job (run_at) where state = 0;
create index aft_job_running on aft_job (worker) where state = 1;
)";

bool is_on_postgres(const reader& db) {
  return storage_access::kind(db) == storage::engine_kind::postgres;
}

std::string read_first_line(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

// Containers on one machine share its boot, but number their processes apart.
std::string this_machine() {
  char processes[64];
  const auto size = ::readlink("/proc/self/ns/pid", processes, sizeof processes);
  if (size <= 0) return "";
  return read_first_line("/proc/sys/kernel/random/boot_id") + " " +
         std::string(processes, std::size_t(size));
}

// Clock ticks after boot; 0 where the system does not say (or there is no such process).
std::int64_t start_of(std::int64_t process) {
  const auto stat = read_first_line("/proc/" + std::to_string(process) + "/stat");
  auto at = stat.rfind(')');  // the name before it may hold anything
  for (int field = 0; at != stat.npos && field < 20; ++field) at = stat.find(' ', at + 1);
  return at == stat.npos ? 0 : std::atoll(stat.c_str() + at);
}

bool lives(std::int64_t process, std::int64_t started) {
  if (::kill(pid_t(process), 0) != 0 && errno == ESRCH) return false;
  const auto now = start_of(process);
  return !now || !started || now == started;
}

struct worker_row {
  std::int64_t id;
  std::string machine;
  std::int64_t process;
  std::int64_t started;
  time_point seen_at;
};

}  // namespace

std::vector<migration> migrations() { return {{"001_jobs", schema}}; }

std::int64_t store(transaction& tx, std::string_view kind, std::string_view arguments,
                   const job_options& options) {
  if (options.max_attempts < 1) throw error("a job that may never be attempted");
  const auto now = tx.now();
  const auto id = tx.one<std::int64_t>(
      "insert into aft_job (kind, arguments, queue, priority, run_at, max_attempts, created_at) "
      "values ($1, $2, $3, $4, $5, $6, $7) returning id",
      kind, arguments, options.queue, options.priority, now + options.delay, options.max_attempts,
      now);
  tx.notify(topic);
  return id;
}

std::int64_t add_worker(transaction& tx, time_point now) {
  const auto process = std::int64_t(::getpid());
  return tx.one<std::int64_t>(
      "insert into aft_worker (machine, process, started, seen_at) values ($1, $2, $3, $4) "
      "returning id",
      this_machine(), process, start_of(process), now);
}

bool beat(transaction& tx, std::int64_t worker, time_point now) {
  return tx.execute("update aft_worker set seen_at = $2 where id = $1", worker, now) == 1;
}

void remove_worker(transaction& tx, std::int64_t worker) {
  tx.execute("delete from aft_worker where id = $1", worker);
}

std::int64_t recover(transaction& tx, time_point silent_since, time_point now) {
  const auto machine = this_machine();
  for (const auto& w : tx.all<worker_row>("select * from aft_worker")) {
    const bool here = !machine.empty() && w.machine == machine;
    if (here ? lives(w.process, w.started) && w.seen_at >= silent_since
             : w.seen_at >= silent_since) {
      continue;
    }
    remove_worker(tx, w.id);
  }
  return tx.execute(
      "update aft_job set state = case when attempt >= max_attempts then 2 else 0 end, "
      "worker = null, error = 'its worker died', "
      "finished_at = case when attempt >= max_attempts then cast($1 as bigint) end "
      "where state = 1 and worker not in (select id from aft_worker)",
      now);
}

std::vector<stored_job> claim(transaction& tx, std::int64_t worker, const std::string& kinds,
                              std::int64_t most, time_point now) {
  auto jobs =
      is_on_postgres(tx)
          ? tx.all<stored_job>(
                "select id, kind, arguments, attempt, max_attempts, created_at from aft_job "
                "where state = 0 and run_at <= $1 "
                "and kind in (select json_array_elements_text($2::json)) "
                "order by priority desc, run_at, id limit $3 for update skip locked",
                now, kinds, most)
          : tx.all<stored_job>(
                "select id, kind, arguments, attempt, max_attempts, created_at from aft_job "
                "where state = 0 and run_at <= $1 and kind in (select value from json_each($2)) "
                "order by priority desc, run_at, id limit $3",
                now, kinds, most);
  for (auto& job : jobs) {
    ++job.attempt;
    tx.execute("update aft_job set state = 1, attempt = $2, worker = $3 where id = $1", job.id,
               job.attempt, worker);
  }
  return jobs;
}

std::optional<std::int64_t> next_due(reader& db, const std::string& kinds) {
  if (is_on_postgres(db)) {
    return db.one<std::optional<std::int64_t>>(
        "select min(run_at) from aft_job "
        "where state = 0 and kind in (select json_array_elements_text($1::json))",
        kinds);
  }
  return db.one<std::optional<std::int64_t>>(
      "select min(run_at) from aft_job "
      "where state = 0 and kind in (select value from json_each($1))",
      kinds);
}

bool complete(transaction& tx, std::int64_t id, std::int64_t worker, int attempt) {
  return tx.execute(
             "delete from aft_job where id = $1 and worker = $2 and attempt = $3 and state = 1", id,
             worker, attempt) == 1;
}

bool retry(transaction& tx, std::int64_t id, std::int64_t worker, int attempt, time_point run_at,
           std::string_view error) {
  return tx.execute(
             "update aft_job set state = 0, worker = null, run_at = $4, error = $5 "
             "where id = $1 and worker = $2 and attempt = $3 and state = 1",
             id, worker, attempt, run_at, error) == 1;
}

bool bury(transaction& tx, std::int64_t id, std::int64_t worker, int attempt, time_point now,
          std::string_view error) {
  return tx.execute(
             "update aft_job set state = 2, worker = null, finished_at = $4, error = $5 "
             "where id = $1 and worker = $2 and attempt = $3 and state = 1",
             id, worker, attempt, now, error) == 1;
}

void give_back(transaction& tx, std::int64_t worker) {
  tx.execute(
      "update aft_job set state = 0, worker = null, attempt = attempt - 1 "
      "where worker = $1 and state = 1",
      worker);
}

}  // namespace aft::jobs
