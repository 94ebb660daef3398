#include <aft/storage/schema.hpp>

#include <fmt/format.h>

#include <aft/ground/error.hpp>

#include "database.hpp"
#include "migrate.hpp"
#include "schema_objects.hpp"
#include "sqlite/connection.hpp"

namespace aft {
namespace {

using storage::schema_object;

constexpr std::size_t replay_cache = 8u << 20;

std::vector<schema_object> replay(storage::schema_connection& c,
                                  const std::vector<planned_migration>& steps) {
  if (!steps.empty()) storage::make_migration_table(c);
  for (const auto& step : steps) {
    try {
      c.run_script(step.sql);
    } catch (const error& e) {
      throw configuration_error(
          fmt::format("the migration {} of {} cannot be applied to an empty database any more: {}",
                      step.name, step.line, e.what()));
    }
  }
  return storage::read_objects(c);
}

std::string drift_of_sqlite(database& db) {
  std::vector<planned_migration> steps;
  std::vector<schema_object> live;
  db.read([&](reader& r) {
    auto& c = storage_access::connection_of(r);
    steps = storage::applied_migrations_of(c);
    live = storage::read_objects(c);
  });
  storage::sqlite_connection scratch(":memory:", storage::sqlite_access::write, false, seconds(0),
                                     replay_cache);
  scratch.run_script("pragma trusted_schema=on");  // of nobody but the migrations
  scratch.enforce(storage::foreign_keys::off);     // as where they rebuilt tables
  return compare_objects(replay(scratch, steps), live);
}

// Other tables must not be found where the scratch schema lacks one; those of extensions must.
const char* const scratch_schema =
    "create schema aft_drift;"
    "select set_config('search_path', concat_ws(', ', 'aft_drift', (select string_agg(distinct "
    "quote_ident(n.nspname), ', ') from pg_extension e join pg_namespace n on n.oid = "
    "e.extnamespace where n.nspname <> 'pg_catalog')), true)";

std::string drift_of_postgres(database& db) {
  std::string drift;
  db.inside().with_connection([&drift](storage::schema_connection& c) {
    c.begin_migration();
    try {
      const auto steps = storage::applied_migrations_of(c);
      const auto live = storage::read_objects(c);
      c.run_script(scratch_schema);
      drift = compare_objects(replay(c, steps), live);
    } catch (...) {
      storage::undo(c);
      throw;
    }
    storage::undo(c);
  });
  return drift;
}

}  // namespace

std::vector<planned_migration> migration_plan(database& db, const std::string& line,
                                              const std::vector<migration>& steps) {
  return db.read(
      [&](reader& r) { return storage::plan(storage_access::connection_of(r), line, steps); });
}

std::string schema_drift(database& db) {
  const auto kind = db.read([](reader& r) { return storage_access::kind(r); });
  return kind == storage::engine_kind::sqlite ? drift_of_sqlite(db) : drift_of_postgres(db);
}

}  // namespace aft
