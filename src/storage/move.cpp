#include "move.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>

#include <fmt/format.h>

#include <aft/ground/error.hpp>
#include <aft/storage/move.hpp>

#include "../ground/may_wait.hpp"
#include "database.hpp"
#include "move_table.hpp"

namespace aft {
namespace {

using namespace std::string_literals;

constexpr const char* mover_lock = "7018130316843184997";  // "aft_move", of one target

// The table of what an unended move has to know: its source, the tables that it has copied, and
// the commands that give the target its keys and triggers back.
constexpr const char* make_notes =
    "create table aft_move (kind text not null, name text not null, detail text not null)";

// The source of the last move that ended.
constexpr const char* end_words = "Moved from ";
constexpr const char* read_end =
    "select substr(obj_description('aft_migration'::regclass, 'pg_class'), 12)";

constexpr const char* note_constraints =
    "insert into aft_move select 'restore', format('%s %s', conrelid::regclass, conname), "
    "  format('alter table %s add constraint %I %s', conrelid::regclass, conname, "
    "         pg_get_constraintdef(oid)) "
    "from pg_constraint where contype = 'f' and connamespace = current_schema()::regnamespace "
    "and conparentid = 0";
constexpr const char* drop_constraints =
    "select format('alter table %s drop constraint %I', conrelid::regclass, conname) "
    "from pg_constraint where contype = 'f' and connamespace = current_schema()::regnamespace "
    "and conparentid = 0";
constexpr const char* note_triggers =
    "insert into aft_move select 'restore', format('%s %s', tgrelid::regclass, tgname), "
    "  format('alter table %s enable %s trigger %I', tgrelid::regclass, "
    "         case tgenabled when 'A' then 'always' else '' end, tgname) "
    "from pg_trigger t join pg_class c on c.oid = t.tgrelid "
    "where c.relnamespace = current_schema()::regnamespace and not tgisinternal "
    "and tgenabled in ('O', 'A')";
constexpr const char* disable_triggers =
    "select format('alter table %s disable trigger %I', tgrelid::regclass, tgname) "
    "from pg_trigger t join pg_class c on c.oid = t.tgrelid "
    "where c.relnamespace = current_schema()::regnamespace and not tgisinternal "
    "and tgenabled in ('O', 'A')";

const std::string& file_to_move(database& from) {
  if (const auto* file = from.inside().engine().file()) return *file;
  throw storage_error(storage_fault::misuse, "a move begins at a SQLite database");
}

const storage::postgres::server_address& server_to_move_to(database& to) {
  if (const auto* server = to.inside().engine().server()) return *server;
  throw storage_error(storage_fault::misuse, "a move ends at a PostgreSQL database");
}

class mover {
 public:
  mover(database& from, database& to, const move_options& options)
      : from_(from), options_(options), file_(std::filesystem::absolute(file_to_move(from))),
        source_(file_, from.inside().engine().key()), target_(server_to_move_to(to)),
        reading_(server_to_move_to(to)) {}

  moved run() {
    lock();
    source_.begin();
    compare_schemas();
    open_tables();
    begin_or_go_on();
    copy_tables();
    source_.end();
    if (options_.stop_writes) options_.stop_writes();
    source_.begin();
    const auto seen = source_.version();
    result_.as_of = from_.time().now();
    for (std::size_t i = 0; i < movers_.size(); ++i) {
      storage::table_state state;
      auto& table = result_.tables[i];
      table.differences = movers_[i]->reconcile(state);
      table.rows = state.rows;
      table.hash = state.hash;
    }
    finish(seen);
    return std::move(result_);
  }

 private:
  // A mover that was killed keeps the lock until the server sees that, at the end of a statement.
  void lock() {
    target_.run("set lock_timeout = '3s'");
    try {
      target_.rows("select pg_advisory_lock("s + mover_lock + ")");
    } catch (const storage_error& e) {
      if (e.fault() != storage_fault::busy) throw;
      throw storage_error(storage_fault::busy, "another program moves rows to this database");
    }
    target_.run("set lock_timeout = 0");
  }

  void compare_schemas() {
    const auto has_none = [](const char* side) {
      return configuration_error(fmt::format(
          "no migration was applied to the {}: the schema is not made by a move", side));
    };
    if (source_.texts("select 1 from sqlite_schema where name = 'aft_migration'", "").empty()) {
      throw has_none("source");
    }
    if (target_.one("select to_regclass('aft_migration')").empty()) throw has_none("target");
    const auto here = source_.texts(
        "select line, name from aft_migration order by line, cast(position as integer)", "");
    const auto there =
        target_.rows("select line, name from aft_migration order by line collate \"C\", position");
    for (std::size_t i = 0; i < std::max(here.size(), there.size()); ++i) {
      const auto has = i < here.size() ? here[i][0] + " " + here[i][1] : "no further one"s;
      const auto wants = i < there.size() ? *there[i][0] + " " + *there[i][1] : "no further one"s;
      if (has == wants) continue;
      throw configuration_error(
          fmt::format("the schemas are not the same: of the migrations the source has {} where the "
                      "target has {}",
                      has, wants));
    }
  }

  void open_tables() {
    result_.left_out = source_.virtual_tables();
    std::set<std::string> there;
    for (const auto& row : target_.rows("select relname from pg_class where relkind in ('r', 'p') "
                                        "and relnamespace = current_schema()::regnamespace")) {
      there.insert(*row[0]);
    }
    for (const auto& table : source_.tables()) {
      if (table == "aft_migration") continue;
      if (!there.count(table)) {
        throw configuration_error(fmt::format("the target has no table {}", table));
      }
      movers_.push_back(std::make_unique<storage::table_mover>(source_, target_, reading_, table));
      result_.tables.push_back({.table = table});
    }
  }

  void begin_or_go_on() {
    if (target_.one("select to_regclass('aft_move')").empty()) return begin();
    const auto whose = target_.one("select detail from aft_move where kind = 'source'");
    if (whose != file_) {
      throw configuration_error(fmt::format(
          "the rows of {} are being moved to this database, and that has not ended", whose));
    }
    for (const auto& row : target_.rows("select name from aft_move where kind = 'copied'")) {
      copied_.insert(*row[0]);
    }
    goes_on_ = true;
  }

  void begin() {
    for (std::size_t i = 0; i < movers_.size(); ++i) {
      if (movers_[i]->is_empty()) continue;
      if (target_.one(read_end) == file_) {
        throw configuration_error(fmt::format(
            "the rows of {} were moved to this database before, and that has ended; go on with the "
            "target alone",
            file_));
      }
      throw configuration_error(
          fmt::format("the table {} of the target has rows of its own; move to a database to which "
                      "migrations were applied and nothing else",
                      result_.tables[i].table));
    }
    target_.run("begin");
    target_.run(make_notes);
    target_.rows("insert into aft_move values ('source', '', $1)", {file_});
    const auto commands = target_.rows(drop_constraints + " union all "s + disable_triggers);
    target_.run(note_constraints);
    target_.run(note_triggers);
    for (const auto& command : commands) target_.run(*command[0]);
    target_.run("commit");
  }

  void copy_tables() {
    for (std::size_t i = 0; i < movers_.size(); ++i) {
      auto& table = result_.tables[i];
      table.way = copy(*movers_[i], table.table);
      if (options_.copied) options_.copied(table);
    }
  }

  move_way copy(storage::table_mover& table, const std::string& name) {
    if (copied_.count(name)) return move_way::found;
    auto way = move_way::copied;
    if (goes_on_ && !table.is_empty()) {
      way = table.can_continue() ? move_way::continued : move_way::anew;
      if (way == move_way::anew) table.empty();
    }
    try {
      table.copy();
    } catch (const constraint_error& e) {
      // The source has changed since: what was copied may be in the way of what is to come.
      if (way != move_way::continued || e.kind() != constraint_kind::unique) throw;
      way = move_way::anew;
      table.empty();
      table.copy();
    }
    target_.rows("insert into aft_move values ('copied', $1, '')", {name});
    return way;
  }

  // All at once, so that the target is half moved, or moved.
  void finish(std::int64_t seen) {
    target_.run("begin");
    for (const auto& row :
         target_.rows("select name, detail from aft_move where kind = 'restore'")) {
      try {
        target_.run(*row[1]);
      } catch (const constraint_error& e) {
        throw constraint_error(e.kind(),
                               fmt::format("rows of the source break the key {}: {}; mend them "
                                           "there, and call again",
                                           *row[0], e.what()));
      }
    }
    for (const auto& table : movers_) table->continue_identities();
    for (const auto& row :
         source_.texts("select line, name, cast(applied_at as text) from aft_migration", "")) {
      target_.rows(
          "update aft_migration set applied_at = "
          "  'epoch'::timestamptz + $3::bigint * interval '1 microsecond' "
          "where line = $1 and name = $2",
          {row[0], row[1], row[2]});
    }
    target_.run("drop table aft_move");
    // A mover that is killed right after its commit could not say that it was done.
    const auto end = target_.one("select format('comment on table aft_migration is %L', $1::text)",
                                 {end_words + file_});
    target_.run(end);
    source_.end();
    if (source_.version() != seen) {
      target_.run("rollback");
      throw storage_error(storage_fault::busy,
                          "the source was written while the last differences were carried over; "
                          "stop what writes it, and call again, which goes on");
    }
    target_.run("commit");
  }

  database& from_;
  const move_options& options_;
  const std::string file_;
  storage::table_source source_;
  storage::postgres::bulk_session target_, reading_;
  std::vector<std::unique_ptr<storage::table_mover>> movers_{};
  std::set<std::string> copied_{};
  bool goes_on_ = false;
  moved result_{};
};

}  // namespace

moved move(database& from, database& to, const move_options& options) {
  if (detail::must_not_wait) {
    throw storage_error(storage_fault::misuse, "a move waits, "s + detail::must_not_wait +
                                                   "; call it on a thread that may");
  }
  return mover(from, to, options).run();
}

void storage::refuse_half_moved(database& db) {
  if (!db.inside().engine().server()) return;
  const bool half =
      db.read([](reader& r) { return r.one<bool>("select to_regclass('aft_move') is not null"); });
  if (!half) return;
  throw configuration_error(
      "rows are being moved to this database, and that has not ended; go on with aft::move from "
      "the same file, or begin with an empty database");
}

}  // namespace aft
