#include <aft/storage/upkeep.hpp>

#include <charconv>

#include <fmt/format.h>

#include "bound_statement.hpp"
#include "connection.hpp"

namespace aft {
namespace {

struct orphan_row {
  std::string table;
  std::optional<std::int64_t> row;
  std::string parent;
};

// "row 3 missing from index note_by_title": of which table, the schema says.
flaw flaw_of(reader& r, std::string text) {
  flaw f{flaw_kind::corrupt, {}, {}, std::move(text)};
  const std::string_view line = f.detail;
  std::int64_t row = 0;
  if (line.starts_with("row ")) {
    const auto* end = line.data() + line.size();
    if (std::from_chars(line.data() + 4, end, row).ec == std::errc()) f.row = row;
  }
  const std::string_view words[] = {"from index ", "in index ", "value in ", "NULL value in "};
  for (const auto word : words) {
    const auto at = line.find(word);
    if (at == line.npos) continue;
    auto name = line.substr(at + word.size());
    name = name.substr(0, name.find_first_of(". "));
    const auto table =
        r.find<std::string>("select tbl_name from sqlite_schema where name = $1", name);
    if (table) f.table = *table;
    break;
  }
  return f;
}

void check_sqlite(reader& r, std::size_t most, std::vector<flaw>& flaws) {
  const auto lines = r.all<std::string>(
      "select integrity_check from pragma_integrity_check($1) where integrity_check <> 'ok'",
      std::int64_t(most));
  for (const auto& line : lines) {
    if (flaws.size() < most) flaws.push_back(flaw_of(r, line));
  }
  std::size_t orphans = 0;
  r.each<orphan_row>(
      "select \"table\", rowid as row, parent from pragma_foreign_key_check", [&](orphan_row& o) {
        auto detail = fmt::format("refers to a row of {} that is not there", o.parent);
        flaws.push_back({flaw_kind::orphan, o.table, o.row, std::move(detail)});
        return ++orphans < most;
      });
}

struct unused_index {
  std::string table, name;
};

// Those that may be being built are left out.
void check_indexes(reader& r, std::size_t most, std::vector<flaw>& flaws) {
  for (const auto& i : r.all<unused_index>(R"(
select c.relname::text as "table", i.relname::text as name
  from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class c on c.oid = x.indrelid
 where not x.indisvalid
   and c.relnamespace = (select oid from pg_namespace where nspname = current_schema())
   and not exists (select from pg_locks l where l.relation = c.oid and l.granted
                   and l.database = (select oid from pg_database where datname = current_database())
                   and l.mode in ('ShareUpdateExclusiveLock', 'ShareLock'))
 order by 1, 2 limit $1)",
                                           std::int64_t(most))) {
    auto detail = fmt::format("the index {} is not valid; build it anew, or drop it", i.name);
    flaws.push_back({flaw_kind::corrupt, i.table, {}, std::move(detail)});
  }
}

// A foreign key that need not hold of all rows, and a query for the number of those that break it.
struct doubted_key {
  std::string name, table, parent, query;
};

// Where it was added without a look at the rows, or its triggers are off.
std::vector<doubted_key> doubted_keys(reader& r) {
  return r.all<doubted_key>(R"(
select n.conname::text as name, c.relname::text as "table", p.relname::text as parent,
       format('select count(*) from %s%s c where (%s) and not exists (select from %s%s p where %s)',
              case c.relkind when 'r' then 'only ' else '' end, n.conrelid::regclass,
              string_agg(format('c.%I is not null', ca.attname),
                         case n.confmatchtype when 'f' then ' or ' else ' and ' end),
              case p.relkind when 'r' then 'only ' else '' end, n.confrelid::regclass,
              string_agg(format('p.%I = c.%I', pa.attname, ca.attname), ' and ')) as query
  from pg_constraint n join pg_class c on c.oid = n.conrelid join pg_class p on p.oid = n.confrelid
  cross join unnest(n.conkey, n.confkey) k (child, parent)
  join pg_attribute ca on ca.attrelid = c.oid and ca.attnum = k.child
  join pg_attribute pa on pa.attrelid = p.oid and pa.attnum = k.parent
 where n.contype = 'f'
   and c.relnamespace = (select oid from pg_namespace where nspname = current_schema())
   and (not n.convalidated or exists (select from pg_trigger t
                                       where t.tgconstraint = n.oid and t.tgenabled = 'D'))
 group by n.oid, n.conname, n.conrelid, n.confrelid, n.confmatchtype, c.relname, c.relkind,
          p.relname, p.relkind
 order by 2, 1)");
}

void check_references(reader& r, std::size_t most, std::vector<flaw>& flaws) {
  std::size_t broken = 0;
  for (const auto& key : doubted_keys(r)) {
    if (broken == most) return;
    std::int64_t rows = 0;
    storage::bound_statement{key.query}.run(
        r, {type_of<std::int64_t>(), &rows, [](void* to) { return to; }, true});
    if (!rows) continue;
    auto detail =
        fmt::format("rows that refer to one of {} that is not there, by the foreign key {}: {}",
                    key.parent, key.name, rows);
    flaws.push_back({flaw_kind::orphan, key.table, {}, std::move(detail)});
    ++broken;
  }
}

}  // namespace

std::vector<flaw> check(database& db, std::size_t most) {
  return db.read([most](reader& r) {
    std::vector<flaw> flaws;
    try {
      if (storage_access::kind(r) == storage::engine_kind::sqlite) {
        check_sqlite(r, most, flaws);
      } else {
        check_indexes(r, most, flaws);
        check_references(r, most, flaws);
      }
    } catch (const storage_error& e) {
      if (e.fault() != storage_fault::corrupt) throw;
      flaws.push_back({flaw_kind::corrupt, {}, {}, e.what()});
    }
    return flaws;
  });
}

}  // namespace aft
