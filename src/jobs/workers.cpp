#include "workers.hpp"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>

#include "bundles.hpp"
#include "finish.hpp"

namespace aft::jobs {
namespace {

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

bool is_worker(reader& db, std::int64_t worker) {
  return db.one<bool>("select exists (select 1 from aft_worker where id = $1)", worker);
}

void remove_worker(transaction& tx, std::int64_t worker) {
  tx.execute("delete from aft_worker where id = $1", worker);
}

std::int64_t recover(transaction& tx, silence& heard, const patience& p) {
  const auto machine = this_machine();
  silence still;
  for (const auto& w : tx.all<worker_row>("select * from aft_worker")) {
    const auto before = heard.find(w.id);
    const bool silent = before != heard.end() && before->second.seen_at == w.seen_at;
    const auto since = silent ? before->second.since : p.steady_now;
    still[w.id] = {w.seen_at, since};
    const bool here = !machine.empty() && w.machine == machine;
    if (p.steady_now - since < p.lease && (!here || lives(w.process, w.started))) continue;
    remove_worker(tx, w.id);
  }
  heard = std::move(still);
  take_apart_of_dead(tx);
  const auto now = tx.now();
  const auto orphans = tx.all<job_claim>(
      "select id, worker, attempt from aft_job "
      "where state = 1 and worker not in (select id from aft_worker)");
  for (const auto& job : orphans) {
    // Its attempt counts: a job that kills its worker is not to do so for ever.
    retry(tx, job, now, now, "its worker died");
  }
  return std::int64_t(orphans.size());
}

}  // namespace aft::jobs
