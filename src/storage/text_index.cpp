#include <aft/storage/text_index.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <aft/ground/error.hpp>

#include "../ground/utf8.hpp"
#include "connection.hpp"

namespace aft {
namespace {

constexpr std::size_t max_searched_bytes = 1000;
constexpr std::size_t max_searched_words = 16;

bool is_letter_of_a_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c & 0x80);
}

std::string_view start_of(std::string_view words) {
  auto size = std::min(words.size(), max_searched_bytes);
  while (size && size < words.size() && (words[size] & 0xc0) == 0x80) --size;
  return words.substr(0, size);
}

// The engine's own syntax, of quoted words alone: "milk" AND "green tea" AND "bis"*, or
// 'milk' & 'green tea' & 'bis':*. Empty: no words.
std::string match_expression(std::string_view words, storage::engine_kind engine) {
  const bool sqlite = engine == storage::engine_kind::sqlite;
  const char quote = sqlite ? '"' : '\'';
  words = start_of(words);
  if (!detail::is_utf8(words)) return {};
  std::string expression;
  std::size_t count = 0;
  std::string phrase;
  bool quoted = false;
  auto end_phrase = [&](bool is_beginning) {
    while (!phrase.empty() && phrase.back() == ' ') phrase.pop_back();
    if (phrase.empty() || count == max_searched_words) return phrase.clear();
    if (count++) expression += sqlite ? " AND " : " & ";
    expression += quote + phrase + quote;
    if (is_beginning) expression += sqlite ? "*" : ":*";
    phrase.clear();
  };
  for (const char c : words) {
    if (is_letter_of_a_word(c)) {
      phrase += c;
    } else if (c == '"') {
      end_phrase(false);
      quoted = !quoted;
    } else if (quoted) {
      if (!phrase.empty()) phrase += ' ';
    } else {
      end_phrase(c == '*');
    }
  }
  end_phrase(false);
  return expression;
}

}  // namespace

text_index::text_index(std::string_view table, const std::vector<std::string>& columns,
                       std::string_view key)
    : table_(table), key_(key), index_(std::string(table) + "_words"), columns_(columns) {
  for (const auto& name : columns) quoted_name(name);
  quoted_name(table), quoted_name(key), quoted_name(index_ + "_update");
  if (columns.empty()) {
    throw configuration_error(fmt::format("a text index of {} without columns", table));
  }
}

migration text_index::step(std::string name) const {
  std::string columns, old_values, new_values;
  for (const auto& column : columns_) {
    const auto quoted = quoted_name(column);
    columns += ", " + quoted;
    old_values += ", old." + quoted;
    new_values += ", new." + quoted;
  }
  const auto table = quoted_name(table_), key = quoted_name(key_), index = quoted_name(index_);
  const auto forget = fmt::format("insert into {0} ({0}, rowid{1}) values ('delete', old.{2}{3});",
                                  index, columns, key, old_values);
  const auto add = fmt::format("insert into {0} (rowid{1}) values (new.{2}{3});", index, columns,
                               key, new_values);
  auto trigger = [&](std::string_view event, const std::string& does) {
    return fmt::format("create trigger {} after {} on {} begin {} end;\n",
                       quoted_name(fmt::format("{}_{}", index_, event)), event, table, does);
  };
  migration made{std::move(name),
                 fmt::format("create virtual table {} using fts5({}, content={}, content_rowid={}, "
                             "tokenize=\"unicode61 remove_diacritics 2\");\n",
                             index, columns.substr(2), table, key) +
                     trigger("insert", add) + trigger("delete", forget) +
                     trigger("update", forget + " " + add) +
                     fmt::format("insert into {0} ({0}) values ('rebuild');", index)};
  made.virtual_tables = true;
  std::string text;
  for (const auto& column : columns_) {
    text +=
        fmt::format("{}coalesce({}, '')", text.empty() ? "" : " || ' ' || ", quoted_name(column));
  }
  made.postgres = fmt::format(
      "alter table {0} add column {1} tsvector generated always as (to_tsvector('simple', {2})) "
      "stored; create index {1} on {0} using gin ({1})",
      table, index, text);
  return made;
}

migration text_index::drop(std::string name) const {
  std::string sql;
  for (const auto* event : {"insert", "delete", "update"}) {
    sql += fmt::format("drop trigger {};\n", quoted_name(fmt::format("{}_{}", index_, event)));
  }
  const auto index = quoted_name(index_);
  return {std::move(name), sql + fmt::format("drop table {};", index),
          fmt::format("alter table {} drop column {}", quoted_name(table_), index)};
}

sql_text text_index::where(const reader& db, std::string_view words) const {
  const auto engine = storage_access::kind(db);
  const auto expression = match_expression(words, engine);
  sql_text condition;
  if (expression.empty()) return condition.add("1 = 0");
  if (engine == storage::engine_kind::postgres) {
    return condition.add_name(index_).add("@@ to_tsquery('simple', $1)", expression);
  }
  condition.add_name(key_).add("in (select rowid from").add_name(index_).add("where");
  return condition.add_name(index_).add("match $1)", expression);
}

sql_text text_index::query(const reader& db, std::string_view words, std::int64_t limit) const {
  const auto engine = storage_access::kind(db);
  const auto expression = match_expression(words, engine);
  sql_text q("select t.* from");
  if (expression.empty()) return q.add_name(table_).add("t where 1 = 0");
  if (engine == storage::engine_kind::postgres) {
    q.add_name(table_).add("t, to_tsquery('simple', $1) q where", expression).add_name(index_);
    q.add("@@ q order by ts_rank(").add_name(index_).add(", q, 2) desc,");  // 2: by length
    return q.add_name(key_).add("limit $1", limit);
  }
  q.add_name(index_).add("s join").add_name(table_).add("t on s.rowid = t.").add_name(key_);
  q.add("where s.").add_name(index_).add("match $1", expression);
  return q.add("order by s.rank, s.rowid limit $1", limit);
}

}  // namespace aft
