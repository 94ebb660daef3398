// What an app tells those who watch it: its numbers, and whether it is ready.

#include "app_impl.hpp"

#include <algorithm>
#include <utility>

#include "../ground/process_metrics.hpp"
#include "../storage/database.hpp"

namespace aft {

void app::impl::collect(metric_sink& to) {
  detail::collect_process(to);
  std::lock_guard lock(mutex);
  if (dispatch && prepared) dispatch->counted().collect(to);
  if (server) {
    to.level({"http.server.open_connections", "Connections that are open.", "{connection}"}, {},
             double(server->connections()));
    to.count({"http.server.refused_connections", "Connections that found no room, answered 503.",
              "{connection}"},
             {}, double(server->refused()));
  }
  if (storage && prepared) {
    collect_storage(to, *storage);
    counted_jobs.collect(to, *storage);
    if (gatekeeper) counted_sessions.collect(to, *storage);
  }
  if (const auto age = drill ? drill->status().verified_age : std::nullopt) {
    to.level({"aft.backup.verified.age", "Age of the last backup that was verified.", "s"}, {},
             double(age->in_microseconds()) / 1e6);
  }
}

void app::impl::serve_health(const routes& where, health_options how) {
  add_health_routes(where, how.path, checks);
  checks.add("draining", [this] {
    return draining ? health_verdict{health_status::failed, "it is about to stop", {}}
                    : health_verdict();
  });
  if (options.database.empty()) return;
  checks.add("database", [this] {
    storage->read([](reader& db) { db.one<int>("select 1"); });
    return health_verdict();
  });
  checks.add("migrations", [this] {
    const auto there = storage->read([](reader& db) {
      return db.one<std::int64_t>("select count(*) from aft_migration where line = 'host'");
    });
    return there == std::int64_t(steps.size())
               ? health_verdict()
               : health_verdict{health_status::degraded, "the schema is of another version", {}};
  });
  checks.add("disk", [this, how] {
    const auto* file = storage->inside().engine().file();
    return file ? check_disk(*file, how.min_free_bytes) : health_verdict();
  });
  if (!options.storage.archive.directory.empty()) {
    checks.add("archive", [this, how] {
      const auto most = std::max(how.max_archive_lag, options.storage.archive.interval * 2);
      return check_archive(storage->archived().value_or(archive_status()), most,
                           storage->time().now());
    });
  }
  if (options.backups.directory.empty()) return;
  const auto most =
      how.max_backup_age > duration() ? how.max_backup_age : options.backups.verify_every * 3;
  checks.add("backup", [this, most] {
    const auto age = drill->status().verified_age;
    return age && *age <= most
               ? health_verdict()
               : health_verdict{health_status::degraded, "none was verified lately", {}};
  });
}

}  // namespace aft
