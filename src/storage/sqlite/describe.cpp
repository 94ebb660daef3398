#include <algorithm>
#include <map>

#include "../described_table.hpp"
#include "../migrate.hpp"
#include "../schema_objects.hpp"
#include "../table_text.hpp"

namespace aft::storage {
namespace {

struct sqlite_table_row {
  std::string name, type, sql;
};
struct sqlite_column_row {
  std::string name, type;
  bool notnull;
  std::optional<std::string> dflt_value;
  int pk;
};
struct sqlite_reference_row {
  int id;
  std::string parent, child_column;
  std::optional<std::string> parent_column;
  std::string on_update, on_delete;
};
struct sqlite_index_row {
  std::string name;
  bool is_unique;
  std::string origin;
  std::optional<std::string> sql;
};

std::string lower_words(const std::string& text) {
  std::string out;
  for (const char c : text) out += c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  return out;
}

// "on delete cascade on update ..."; "no action" is what happens anyway.
std::string rules_of(const sqlite_reference_row& row) {
  std::string rules;
  if (row.on_delete != "NO ACTION") rules += "on delete " + lower_words(row.on_delete);
  if (row.on_update != "NO ACTION") {
    rules += (rules.empty() ? "on update " : " on update ") + lower_words(row.on_update);
  }
  return rules;
}

// What stands behind the table's name.
std::string definition_of(const std::string& index) {
  for (const auto& statement : read_script(index)) {
    const std::span<const sql_token> tokens(statement.tokens);
    const auto on = std::find_if(tokens.begin(), tokens.end(), [](auto& t) { return t.is("on"); });
    const auto at = std::size_t(on - tokens.begin()) + 2;
    if (at < tokens.size()) return in_one_style(tokens.subspan(at));
  }
  return {};
}

void add_columns(described_table& table, reader& r) {
  std::vector<std::pair<int, std::string>> key;
  for (auto& row : r.all<sqlite_column_row>("select name, type, \"notnull\", dflt_value, pk from "
                                            "pragma_table_xinfo($1) where hidden <> 1",
                                            table.name)) {
    const bool is_row_number = row.pk && lower_words(row.type) == "integer";
    if (row.pk) key.emplace_back(row.pk, row.name);
    table.columns.push_back({std::move(row.name),
                             lower_words(row.type),
                             !row.notnull && !is_row_number,
                             row.dflt_value.value_or(""),
                             {}});
  }
  std::sort(key.begin(), key.end());
  for (auto& [place, name] : key) table.primary_key.push_back(std::move(name));
}

void add_references(described_table& table, reader& r) {
  int last = -1;
  for (auto& row : r.all<sqlite_reference_row>(
           "select id, \"table\" as parent, \"from\" as child_column, \"to\" as parent_column, "
           "on_update, on_delete from pragma_foreign_key_list($1) order by id desc, seq",
           table.name)) {
    if (row.id != last) table.references.push_back({{}, row.parent, {}, rules_of(row)});
    last = row.id;
    auto& reference = table.references.back();
    reference.columns.push_back(std::move(row.child_column));
    if (row.parent_column) reference.referred.push_back(*row.parent_column);
  }
  for (auto& reference : table.references) {
    if (!reference.referred.empty()) continue;
    reference.referred = r.all<std::string>(
        "select name from pragma_table_info($1) where pk order by pk", reference.table);
  }
}

void add_indexes(described_table& table, reader& r) {
  for (auto& row : r.all<sqlite_index_row>(
           "select l.name, l.\"unique\" as is_unique, l.origin, s.sql from pragma_index_list($1) l "
           "left join sqlite_schema s on s.name = l.name order by l.name",
           table.name)) {
    if (row.origin == "u") {
      table.unique.push_back(
          r.all<std::string>("select name from pragma_index_info($1) order by seqno", row.name));
    } else if (row.sql) {
      table.indexes.push_back({std::move(row.name), row.is_unique, definition_of(*row.sql)});
    }
  }
}

// What the migrations say about tables and columns. The text that SQLite keeps says it, too, but
// comments get out of place there when columns are added.
class said_comments {
 public:
  explicit said_comments(const std::vector<planned_migration>& steps) {
    for (const auto& step : steps) {
      for (const auto& statement : read_script(step.sql)) read(statement);
    }
  }
  // Null: nothing is known about this one.
  const std::string* find(const std::string& table, const std::string& column = "") const {
    const auto t = tables_.find(lower_words(table));
    if (t == tables_.end()) return nullptr;
    const auto c = t->second.find(lower_words(column));
    return c == t->second.end() ? nullptr : &c->second;
  }

 private:
  static std::string key(const sql_token& name) { return lower_words(name.name()); }

  void read(const script_statement& statement) {
    if (const auto table = read_table(statement)) {
      auto& columns = tables_[key(table->name.back())];
      columns = {{"", table->comment}};
      for (const auto& item : table->items) columns[key(item.tokens[0])] = item.comment;
    } else if (const auto added = read_added_column(statement)) {
      const auto& column = added->items[0];
      tables_[key(added->name.back())][key(column.tokens[0])] = column.comment;
    } else if (statement.starts_with({"alter", "table"})) {
      read_rename(statement.tokens);
    }
  }
  void read_rename(const std::vector<sql_token>& tokens) {
    const auto at = std::find_if(tokens.begin() + 3, tokens.end(),
                                 [](const auto& t) { return t.is("rename"); });
    if (tokens.end() - at < 3) return;
    const auto table = key(at[-1]);
    if (at[1].is("to")) return move(tables_, table, key(at[2]));
    move(tables_[table], key(tokens.end()[-3]), key(tokens.back()));
  }
  template <class Map>
  static void move(Map& map, const std::string& from, const std::string& to) {
    auto node = map.extract(from);
    if (!node) return;
    node.key() = to;
    map.erase(to);
    map.insert(std::move(node));
  }

  std::map<std::string, std::map<std::string, std::string>> tables_{};  // "": of the table
};

// SQLite tells of comments and checks in the text alone.
void add_words(described_table& table, const std::string& sql, const said_comments& said) {
  const auto statements = read_script(sql);
  const auto text = statements.empty() ? std::nullopt : read_table(statements[0]);
  if (!text) return;
  const auto* of_table = said.find(table.name);
  table.comment = of_table ? *of_table : text->comment;
  for (const auto& item : text->items) {
    for (auto& column : table.columns) {
      const bool is_it =
          item.is_column() && lower_words(item.tokens[0].name()) == lower_words(column.name);
      if (!is_it) continue;
      const auto* of_column = said.find(table.name, column.name);
      column.comment = of_column ? *of_column : item.comment;
    }
    const std::span<const sql_token> tokens(item.tokens);
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
      if (!tokens[i].is("check") || !tokens[i + 1].is("(")) continue;
      auto end = i + 1;
      for (int depth = 0; end < tokens.size(); ++end) {
        if (tokens[end].is("(")) ++depth;
        if (tokens[end].is(")") && --depth == 0) break;
      }
      table.checks.push_back(in_one_style(tokens.subspan(i + 1, end - i)));
      i = end;
    }
  }
}

}  // namespace

std::vector<described_table> describe_sqlite(reader& r) {
  const said_comments said(applied_migrations_of(storage_access::connection_of(r)));
  std::vector<described_table> tables;
  for (const auto& row : r.all<sqlite_table_row>(
           "select l.name, l.type, s.sql from pragma_table_list l join sqlite_schema s on s.name = "
           "l.name where l.schema = 'main' and l.type in ('table', 'view', 'virtual') and l.name "
           "not like 'sqlite\\_%' escape '\\' and l.name not like 'aft\\_%' escape '\\' "
           "order by l.type = 'view', l.name")) {
    auto& table = tables.emplace_back();
    table.name = row.name;
    add_columns(table, r);
    if (row.type == "view") {
      table.view = row.sql;
      continue;
    }
    add_references(table, r);
    add_indexes(table, r);
    if (row.type == "table") add_words(table, row.sql, said);
  }
  return tables;
}

}  // namespace aft::storage
