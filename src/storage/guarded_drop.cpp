#include "guarded_drop.hpp"

#include <optional>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "sql_script.hpp"
#include "sqlite/raw_file.hpp"

namespace aft::storage {
namespace {

// Of "drop table if exists main.note": note.
std::optional<std::string> dropped_table(const script_statement& statement) {
  if (!statement.starts_with({"drop", "table"})) return {};
  auto rest = std::span(statement.tokens).subspan(2);
  if (rest.size() > 2 && rest[0].is("if")) rest = rest.subspan(2);
  if (rest.size() > 2 && rest[1].is(".")) rest = rest.subspan(2);
  if (rest.empty()) return {};
  return rest[0].name();
}

// One column of a foreign key of another table.
struct referring_column {
  std::string table;
  int key;  // each has a number in its table
  std::string name;
  std::string on_delete;
};

std::vector<referring_column> columns_that_refer(connection& c, const std::string& table) {
  storage_access::plain_reader r(c);
  return r.all<referring_column>(
      "select t.name as \"table\", k.id as key, k.\"from\" as name, lower(k.on_delete) as on_delete"
      " from sqlite_schema t join pragma_foreign_key_list(t.name) k where t.type = 'table'"
      " and lower(k.\"table\") = lower($1) and lower(t.name) <> lower($1)"
      " and k.on_delete in ('CASCADE', 'SET NULL', 'SET DEFAULT') order by t.name, k.id, k.seq",
      table);
}

// Those without null in the key do.
bool has_rows_that_refer(connection& c, std::span<const referring_column> key) {
  auto text = fmt::format("select 1 as found from {} where true", quoted_name(key[0].table));
  for (const auto& column : key)
    text += fmt::format(" and {} is not null", quoted_name(column.name));
  struct mark {
    int found;
  } found{};
  return c.query(c.kept(text), {},
                 {detail::row_type<mark>(), &found, [](void* row) { return row; }, true}) != 0;
}

void refuse_loss(connection& c, const std::string& table) {
  const auto columns = columns_that_refer(c, table);
  for (std::size_t begin = 0, end = 0; begin < columns.size(); begin = end) {
    const auto& first = columns[begin];
    while (end < columns.size() && columns[end].table == first.table &&
           columns[end].key == first.key) {
      ++end;
    }
    if (!has_rows_that_refer(c, std::span(columns).subspan(begin, end - begin))) continue;
    throw configuration_error(fmt::format(
        "it drops {0}, to which rows of {1} refer on delete {2}; a step that makes {0} anew says "
        ".rebuilds_tables = true, any other one drops {1} before, or empties it",
        table, first.table, first.on_delete));
  }
}

}  // namespace

void run_guarding_drops(schema_connection& c, const std::string& script) {
  std::size_t begin = 0;
  for (const auto& statement : read_script(script)) {
    const auto table = dropped_table(statement);
    if (!table) continue;
    const auto drop = std::size_t(statement.text.data() - script.data());
    c.run_script(script.substr(begin, drop - begin));
    begin = drop;
    refuse_loss(c, *table);
  }
  c.run_script(script.substr(begin));
}

}  // namespace aft::storage
