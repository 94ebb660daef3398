#pragma once
// Whether an app is alive, and whether it should be asked.

#include <cstdint>
#include <string>

#include <aft/ground/time.hpp>

namespace aft {

// What app::serve_health serves, to whoever asks:
//
//   GET /healthz/live   200 as long as the process answers; nothing else is looked at, because a
//                       restart mends no database.
//   GET /healthz/ready  200 where it can work, 503 where not, and from app::drain() or stop() on:
//     {"status": "failed", "checks": {"database": {"status": "failed", "reason": "..."}, ...}}
//
// "degraded" is 200 too: somebody should look, but to others it can be sent as before. Strangers
// read reasons such as "it does not answer", without names, paths or messages of errors: those go
// to the log, once for each change.
struct health_options {
  std::string path = "/healthz";
  // Free on the disk of a SQLite database; below it failed, below twice as much degraded.
  std::uint64_t min_free_bytes = 64u << 20;
  // Of the last verified backup, where app_options::backups makes some; beyond: degraded. 0: three
  // times drill_options::verify_every.
  duration max_backup_age{};
  // Of what storage_options::archive has not shipped; beyond (and twice its interval), or where it
  // does not work: degraded.
  duration max_archive_lag = minutes(1);
};

}  // namespace aft
