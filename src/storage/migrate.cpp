#include "migrate.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>

#include "guarded_drop.hpp"
#include "portable_schema.hpp"

namespace aft::storage {
namespace {

const char* const sqlite_table =
    "create table if not exists aft_migration ("
    "  line text not null, position integer not null, name text not null,"
    "  checksum text not null, sql text not null, applied_at integer not null,"
    "  primary key (line, position), unique (line, name)) strict";

const char* const postgres_table =
    "create table if not exists aft_migration ("
    "  line text not null, position bigint not null, name text not null,"
    "  checksum text not null, sql text not null, applied_at timestamptz not null,"
    "  primary key (line, position), unique (line, name))";

struct applied_step {
  std::string name;
  std::string checksum;
  std::string sql;
};

std::vector<applied_step> read_applied(connection& c, const std::string& line) {
  storage_access::plain_reader r(c);
  return r.all<applied_step>(
      "select name, checksum, sql from aft_migration where line = $1 order by position", line);
}

// Of what the program says, so that it lasts when aft puts that into other words.
std::string checksum_of(const migration& step, const connection& c) {
  return to_hex(sha256(source_of(step, c.kind())));
}

// "; its line 3 was "x integer", and is "x text" now", where it can be seen.
std::string first_difference(std::string_view was, std::string_view is) {
  for (std::size_t line = 1; !was.empty() || !is.empty(); ++line) {
    const auto old_line = was.substr(0, was.find('\n')), new_line = is.substr(0, is.find('\n'));
    if (old_line != new_line) {
      return fmt::format("; its line {} was \"{}\", and is \"{}\" now", line, old_line, new_line);
    }
    was.remove_prefix(std::min(was.size(), old_line.size() + 1));
    is.remove_prefix(std::min(is.size(), new_line.size() + 1));
  }
  return {};
}

void compare(const std::vector<applied_step>& applied, const std::vector<migration>& steps,
             const std::string& line, const connection& c) {
  for (std::size_t i = 0; i < applied.size(); ++i) {
    const auto& was = applied[i];
    if (i >= steps.size()) {
      throw configuration_error(fmt::format(
          "the migration {} of {} was applied to this database, but the program does not have it: "
          "the program is older than the database, or the migration was deleted",
          was.name, line));
    }
    if (steps[i].name != was.name) {
      throw configuration_error(fmt::format(
          "the migrations of {} are in another order: {} was applied where the program has {}; add "
          "new migrations at the end",
          line, was.name, steps[i].name));
    }
    if (checksum_of(steps[i], c) != was.checksum) {
      throw configuration_error(fmt::format(
          "the migration {} of {} was edited after it was applied{}; undo that, and add a new one",
          was.name, line, first_difference(was.sql, sql_of(steps[i], c.kind()))));
    }
  }
}

void check_names(const std::vector<migration>& steps) {
  std::set<std::string> names;
  for (const auto& step : steps) {
    if (step.name.empty()) throw configuration_error("a migration without a name");
    if (!names.insert(step.name).second) {
      throw configuration_error(fmt::format("two migrations are named {}", step.name));
    }
  }
}

// Empty: on SQLite each row refers to one that exists.
std::string broken_reference(connection& c) {
  storage_access::plain_reader r(c);
  struct violation {
    std::string table;
    std::string parent;
  };
  const auto broken = r.find<violation>("select \"table\", parent from pragma_foreign_key_check");
  if (!broken) return {};
  return fmt::format("rows of {} refer to rows of {} that do not exist", broken->table,
                     broken->parent);
}

// What was inserted with deferred keys may refer to nothing.
void check_references(schema_connection& c) {
  if (c.kind() == engine_kind::postgres) {
    try {
      return c.run_script("set constraints all immediate");
    } catch (const constraint_error& e) {
      throw configuration_error(
          fmt::format("after the migrations, rows refer to rows that do not exist: {}", e.what()));
    }
  }
  const auto broken = broken_reference(c);
  if (!broken.empty()) throw configuration_error("after the migrations, " + broken);
}

// On again at the end, whatever happens until then.
class without_foreign_keys {
 public:
  explicit without_foreign_keys(schema_connection& c) : c_(c) { c_.enforce(foreign_keys::off); }
  without_foreign_keys(const without_foreign_keys&) = delete;
  without_foreign_keys& operator=(const without_foreign_keys&) = delete;
  ~without_foreign_keys() {
    try {
      c_.enforce(foreign_keys::on);
    } catch (const std::exception&) {
      // What could be switched off can be switched on.
    }
  }

 private:
  schema_connection& c_;
};

void run_without_foreign_keys(schema_connection& c, const std::string& sql) {
  const without_foreign_keys until_checked(c);
  c.run_script(sql);
  const auto broken = broken_reference(c);
  if (!broken.empty()) throw configuration_error("after it, " + broken);
}

void run_step(schema_connection& c, const migration& step, const std::string& sql) {
  if (c.kind() == engine_kind::postgres) return c.run_script(sql);
  if (step.rebuilds_tables) return run_without_foreign_keys(c, sql);
  run_guarding_drops(c, sql);
}

void apply(schema_connection& c, const migration& step, const std::string& sql) {
  try {
    run_step(c, step, sql);
  } catch (const error& e) {
    throw configuration_error(fmt::format("the migration {} failed: {}", step.name, e.what()));
  }
  if (!c.in_transaction()) {
    throw configuration_error(fmt::format(
        "the migration {} ended the transaction that it runs in; leave begin and commit out",
        step.name));
  }
}

void begin(schema_connection& c) {
  try {
    c.begin_migration();
  } catch (const storage_error& e) {
    if (e.fault() != storage_fault::busy) throw;
    throw storage_error(storage_fault::busy,
                        fmt::format("the migrations waited for longer than busy_timeout, while "
                                    "another process held the database: {}",
                                    e.what()));
  }
}

}  // namespace

bool has_migrations(connection& c) {
  storage_access::plain_reader r(c);
  if (c.kind() == engine_kind::postgres) {
    return r.one<bool>("select to_regclass('aft_migration') is not null");
  }
  return r.one<bool>("select count(*) from sqlite_schema where name = 'aft_migration'");
}

void make_migration_table(schema_connection& c) {
  c.run_script(c.kind() == engine_kind::postgres ? postgres_table : sqlite_table);
}

std::vector<planned_migration> plan(connection& c, const std::string& line,
                                    const std::vector<migration>& steps) {
  check_names(steps);
  std::vector<applied_step> applied;
  if (has_migrations(c)) applied = read_applied(c, line);
  compare(applied, steps, line, c);
  std::vector<planned_migration> planned;
  for (auto i = applied.size(); i < steps.size(); ++i) {
    planned.push_back({line, steps[i].name, sql_of(steps[i], c.kind())});
  }
  return planned;
}

std::vector<planned_migration> applied_migrations_of(connection& c) {
  if (!has_migrations(c)) return {};
  storage_access::plain_reader r(c);
  return r.all<planned_migration>(
      "select line, name, sql from aft_migration order by applied_at, line, position");
}

std::vector<std::string> migrate(schema_connection& c, const std::string& line,
                                 const std::vector<migration>& steps, time_point now) {
  check_names(steps);
  std::vector<std::string> done;
  begin(c);
  try {
    make_migration_table(c);
    const auto applied = read_applied(c, line);
    compare(applied, steps, line, c);
    for (auto i = applied.size(); i < steps.size(); ++i) {
      const auto sql = sql_of(steps[i], c.kind());
      apply(c, steps[i], sql);
      storage_access::plain_transaction t(c);
      t.tx.execute(
          "insert into aft_migration (line, position, name, checksum, sql, applied_at) "
          "values ($1, $2, $3, $4, $5, $6)",
          line, std::int64_t(i), steps[i].name, checksum_of(steps[i], c), sql, now);
      done.push_back(steps[i].name);
    }
    if (!done.empty()) check_references(c);  // which reads all rows that refer to others
    c.run_script("commit");
  } catch (...) {
    undo(c);
    throw;
  }
  return done;
}

void undo(schema_connection& c) noexcept {
  try {
    if (c.in_transaction()) c.run_script("rollback");
  } catch (const std::exception&) {
    // The connection is lost, and its transaction with it.
  }
}

}  // namespace aft::storage
