#include <aft/storage/lint.hpp>

#include <algorithm>
#include <set>
#include <span>

#include <fmt/format.h>

#include <aft/ground/error.hpp>

#include "portable_schema.hpp"
#include "table_text.hpp"

namespace aft {
namespace {

using storage::script_statement;
using storage::sql_token;
using token_span = std::span<const sql_token>;

enum : unsigned { in_sqlite = 1, in_postgres = 2, in_both = 3 };

struct lint_rule {
  std::string_view code;
  unsigned engines;
  std::string_view danger;  // {} is what the statement is about
  std::string_view remedy;
};

// Found by code; the first that is of the engine.
constexpr lint_rule lint_rules[] = {
    {"drop-table", in_both, "Drops {} with its rows.",
     "Let a release pass in which nothing uses it, and make a backup before."},
    {"rebuild-with-keys", in_sqlite,
     "Makes {} anew with foreign keys on: fails where rows refer to it.",
     "Say .rebuilds_tables = true, and they are off in this step and checked after it."},
    {"drop-schema", in_postgres, "Drops {} with all that is in it.",
     "Drop its tables by name, and make a backup before."},
    {"drop-column", in_both, "Drops {} with what is in it.",
     "Let a release pass in which nothing uses it, and make a backup before."},
    {"drop-cascade", in_postgres, "Drops with {} all that depends on it, whatever that is by then.",
     "Drop what depends on it by name."},
    {"drop-constraint", in_postgres, "Lets rows into {} that broke a constraint until now.",
     "Look for what relies on it before."},
    {"delete-all", in_both, "Deletes all rows of {}.",
     "Say which ones with where; delete many with erase_in_chunks."},
    {"update-all", in_both, "Changes all rows of {} in one transaction, which others wait for.",
     "Say which ones with where, or let a job fill them in small transactions."},
    {"rename-table", in_both, "Programs of the last release ask for {} by its old name.",
     "Keep a view of the old name for one release."},
    {"rename-column", in_both, "Programs of the last release ask for {} by its old name.",
     "Add the new one beside it, write both for one release, and drop the old one then."},
    {"not-null-without-default", in_sqlite, "Is refused: rows would have no value for {}.",
     "Give it a default."},
    {"not-null-without-default", in_postgres, "Fails where there are rows without a value for {}.",
     "Give it a default, or add it without not null and fill it first."},
    {"unique-may-fail", in_both, "Fails where two rows of {} are equal.",
     "Look for such rows before, and settle them in a step of its own."},
    {"nullable-key", in_sqlite, "SQLite lets null into {}, more than once.", "Say not null."},
    {"set-not-null", in_postgres, "Reads all rows for {} while nobody else can use the table.",
     "Add a check (... is not null) not valid, validate it in a later step, and set not null "
     "after that, which the check then proves."},
    {"alter-type", in_postgres, "Writes the table of {} anew while nobody else can use it.",
     "Add a column of the new type, let a job fill it, and change over."},
    {"default-rewrites", in_postgres, "Writes the table anew for {}, while nobody else can use it.",
     "Add the column alone, set its default in a second statement, and let a job fill it."},
    {"index-blocks-writes", in_postgres, "Nobody can write to {} while its index is built.",
     "Create it concurrently by hand, and intend a create index if not exists here."},
    {"unique-blocks", in_postgres, "Nobody else can use {} while the index of the key is built.",
     "Create a unique index concurrently by hand, and add the constraint using that index."},
    {"foreign-key-validates", in_postgres,
     "Nobody can write to {}, or to what it refers to, while its rows are looked through.",
     "Add it not valid, and validate it in a later step."},
    {"check-validates", in_postgres, "Nobody else can use {} while its rows are looked through.",
     "Add it not valid, and validate it in a later step."},
    {"outside-transaction", in_both, "Fails: {} cannot run in a transaction, as each step does.",
     "Run it by hand."},
    {"ends-transaction", in_both, "Fails: {} in a step, which has its transaction already.",
     "Leave it out."},
    {"pragma-without-effect", in_sqlite, "Does nothing: {} is for outside of transactions.",
     "Leave it out; a step that makes a table anew says .rebuilds_tables = true."},
};

const lint_rule* find_rule(std::string_view code, unsigned engine) {
  for (const auto& rule : lint_rules) {
    if (rule.code == code && rule.engines & engine) return &rule;
  }
  return nullptr;
}

bool starts(token_span tokens, std::initializer_list<std::string_view> words) {
  return words.size() <= tokens.size() &&
         std::equal(words.begin(), words.end(), tokens.begin(),
                    [](std::string_view word, const sql_token& t) { return t.is(word); });
}

bool contains(token_span tokens, std::initializer_list<std::string_view> words) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (starts(tokens.subspan(i), words)) return true;
  }
  return false;
}

bool contains_outside_parentheses(token_span tokens, std::string_view word) {
  int depth = 0;
  for (const auto& t : tokens) {
    if (t.is("(")) ++depth;
    else if (t.is(")")) --depth;
    else if (!depth && t.is(word)) return true;
  }
  return false;
}

// Words that may be there, or not.
token_span without(token_span tokens, std::initializer_list<std::string_view> words) {
  return starts(tokens, words) ? tokens.subspan(words.size()) : tokens;
}

// Takes a name, with or without that of its schema, from the front.
std::string take_name(token_span& tokens) {
  if (tokens.empty()) return {};
  if (tokens.size() > 2 && tokens[1].is(".")) tokens = tokens.subspan(2);
  auto name = tokens[0].name();
  tokens = tokens.subspan(1);
  return name;
}

class linting {
 public:
  linting(const migration& step, dialect engine, std::vector<migration_warning>& found)
      : step_(step), engine_(engine == dialect::sqlite ? in_sqlite : in_postgres), found_(found) {}

  void read(const std::string& text) {
    const auto statements = storage::read_script(text);
    find_rebuilt(statements);
    for (const auto& statement : statements) {
      line_ = statement.line;
      read_statement(statement);
    }
  }

 private:
  void warn(std::string_view code, std::string_view about) {
    const auto* rule = find_rule(code, engine_);
    if (!rule) return;
    const auto& intended = step_.intended;
    if (std::find(intended.begin(), intended.end(), code) != intended.end()) return;
    found_.push_back({step_.name, line_, std::string(code),
                      fmt::format(fmt::runtime(rule->danger), about), std::string(rule->remedy)});
  }
  void warn_of(std::string_view code, const std::string& table) {
    if (!made_.contains(table)) warn(code, table);
  }

  // Tables that are dropped, and whose names others get then.
  void find_rebuilt(const std::vector<script_statement>& statements) {
    std::set<std::string> dropped;
    for (const auto& statement : statements) {
      const bool drops = statement.starts_with({"drop", "table"});
      if (!drops && !statement.starts_with({"alter", "table"})) continue;
      auto rest = without(token_span(statement.tokens).subspan(2), {"if", "exists"});
      const auto name = take_name(rest);
      if (drops) dropped.insert(name);
      if (!starts(rest, {"rename", "to"}) || rest.size() < 3) continue;
      if (dropped.contains(rest[2].name())) rebuilt_.insert(rest[2].name());
    }
  }

  void read_statement(const script_statement& statement) {
    const token_span all(statement.tokens);
    if (all[0].is("create")) return read_create(statement, all.subspan(1));
    if (all[0].is("drop")) return read_drop(all.subspan(1));
    if (starts(all, {"alter", "table"})) return read_alter(all.subspan(2));
    if (starts(all, {"delete", "from"})) return read_delete(all.subspan(2));
    if (all[0].is("truncate")) return read_truncate(all.subspan(1));
    if (all[0].is("update")) return read_update(all.subspan(1));
    if (all[0].is("pragma")) return read_pragma(all.subspan(1));
    if (all[0].is("vacuum")) return warn("outside-transaction", "vacuum");
    if (all[0].is("reindex") && contains(all, {"concurrently"})) {
      return warn("outside-transaction", "reindex concurrently");
    }
    for (const auto* word : {"begin", "commit", "end", "rollback", "abort"}) {
      if (all[0].is(word)) return warn("ends-transaction", word);
    }
    if (starts(all, {"start", "transaction"})) warn("ends-transaction", "start transaction");
  }

  void read_create(const script_statement& statement, token_span rest) {
    for (const auto* word : {"temp", "temporary", "unlogged"}) rest = without(rest, {word});
    const bool unique = starts(rest, {"unique"});
    rest = without(rest, {"unique"});
    if (starts(rest, {"table"})) {
      rest = without(rest.subspan(1), {"if", "not", "exists"});
      const auto name = take_name(rest);
      made_.insert(name);
      if (const auto table = storage::read_table(statement)) read_keys(*table, name);
    } else if (starts(rest, {"index"})) {
      read_index(rest.subspan(1), unique);
    } else if (starts(rest, {"database"})) {
      warn("outside-transaction", "create database");
    }
  }

  void read_index(token_span rest, bool unique) {
    if (starts(rest, {"concurrently"})) {
      return warn("outside-transaction", "create index concurrently");
    }
    while (!rest.empty() && !rest[0].is("on")) rest = rest.subspan(1);
    if (rest.empty()) return;
    rest = without(rest.subspan(1), {"only"});
    const auto table = take_name(rest);
    warn_of("index-blocks-writes", table);
    if (unique) warn_of("unique-may-fail", table);
  }

  // A primary key that is no integer, with columns that are not "not null".
  void read_keys(const storage::table_text& table, const std::string& name) {
    if (contains(table.options, {"without", "rowid"})) return;
    std::set<std::string> key;
    for (const auto& item : table.items) {
      if (!contains(item.tokens, {"primary", "key"})) continue;
      if (item.is_column()) {
        key.insert(item.tokens[0].name());
        continue;
      }
      bool inside = false;
      for (const auto& t : item.tokens) {
        if (t.is(")")) inside = false;
        if (inside && !t.is(",")) key.insert(t.name());
        if (t.is("(")) inside = true;
      }
    }
    for (const auto& item : table.items) {
      if (!item.is_column() || !key.contains(item.tokens[0].name())) continue;
      const bool is_row_number = key.size() == 1 && item.type() && item.type()->is("integer");
      if (is_row_number || item.has("not", "null")) continue;
      warn("nullable-key", fmt::format("{}.{}", name, item.tokens[0].name()));
    }
  }

  void read_drop(token_span rest) {
    const bool cascade = contains(rest, {"cascade"});
    if (starts(rest, {"table"})) {
      rest = without(rest.subspan(1), {"if", "exists"});
      while (!rest.empty()) {
        const auto table = take_name(rest);
        warn_of_drop(table);
        if (cascade) warn("drop-cascade", table);
        if (rest.empty() || !rest[0].is(",")) return;
        rest = rest.subspan(1);
      }
      return;
    }
    if (rest.size() > 1 && cascade) warn("drop-cascade", rest[1].name());
    if (starts(rest, {"schema"})) {
      rest = without(rest.subspan(1), {"if", "exists"});
      warn("drop-schema", take_name(rest));
    }
    if (starts(rest, {"database"})) warn("outside-transaction", "drop database");
    if (starts(rest, {"index", "concurrently"})) {
      warn("outside-transaction", "drop index concurrently");
    }
  }

  void warn_of_drop(const std::string& table) {
    if (engine_ != in_sqlite || !rebuilt_.contains(table)) return warn_of("drop-table", table);
    if (!step_.rebuilds_tables) warn_of("rebuild-with-keys", table);
  }

  void read_alter(token_span rest) {
    rest = without(without(rest, {"if", "exists"}), {"only"});
    const auto table = take_name(rest);
    if (made_.contains(table)) return;
    int depth = 0;
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= rest.size(); ++i) {
      if (i < rest.size() && rest[i].is("(")) ++depth;
      if (i < rest.size() && rest[i].is(")")) --depth;
      if (i < rest.size() && (depth || !rest[i].is(","))) continue;
      read_action(table, rest.subspan(begin, i - begin));
      begin = i + 1;
    }
  }

  void read_action(const std::string& table, token_span does) {
    auto column = [&](token_span at) { return fmt::format("{}.{}", table, take_name(at)); };
    if (starts(does, {"drop"})) {
      if (contains(does, {"cascade"})) warn("drop-cascade", table);
      if (starts(does, {"drop", "constraint"})) return warn("drop-constraint", table);
      const auto name = without(without(does.subspan(1), {"column"}), {"if", "exists"});
      return warn("drop-column", column(name));
    }
    if (starts(does, {"rename", "constraint"})) return;
    if (starts(does, {"rename", "to"})) return warn("rename-table", table);
    if (starts(does, {"rename"})) {
      return warn("rename-column", column(without(does.subspan(1), {"column"})));
    }
    if (starts(does, {"alter"})) {
      const auto name = without(does.subspan(1), {"column"});
      if (contains(does, {"set", "not", "null"})) warn("set-not-null", column(name));
      const bool type = name.size() > 1 && (name[1].is("type") || contains(does, {"data", "type"}));
      if (type) warn("alter-type", column(name));
      return;
    }
    if (!starts(does, {"add"})) return;
    does = does.subspan(1);
    const bool is_constraint =
        !does.empty() && !storage::table_item{{does.begin(), does.end()}, {}}.is_column();
    if (is_constraint) return read_added_constraint(table, does);
    does = without(without(does, {"column"}), {"if", "not", "exists"});
    read_added_column(column(does), does);
  }

  void read_added_constraint(const std::string& table, token_span does) {
    const bool later = contains(does, {"not", "valid"});
    if (contains(does, {"foreign", "key"}) && !later) warn("foreign-key-validates", table);
    if (contains(does, {"check"}) && !later) warn("check-validates", table);
    const bool unique = contains(does, {"unique"}) || contains(does, {"primary", "key"});
    if (!unique || contains(does, {"using", "index"})) return;
    warn("unique-blocks", table);
    warn("unique-may-fail", table);
  }

  void read_added_column(const std::string& name, token_span does) {
    const bool generated = contains(does, {"generated"});
    const bool serial = does.size() > 1 && (does[1].is("serial") || does[1].is("bigserial"));
    const bool filled = contains(does, {"default"}) || generated || serial;
    if (contains(does, {"not", "null"}) && !filled) warn("not-null-without-default", name);
    bool rewrites = contains(does, {"stored"}) || contains(does, {"identity"}) || serial;
    for (const auto* word : {"random", "gen_random_uuid", "uuid_generate_v4", "clock_timestamp",
                             "nextval", "timeofday"}) {
      rewrites = rewrites || (contains(does, {"default"}) && contains(does, {word}));
    }
    if (rewrites) warn("default-rewrites", name);
  }

  void read_delete(token_span rest) {
    rest = without(rest, {"only"});
    const auto table = take_name(rest);
    if (!contains_outside_parentheses(rest, "where")) warn_of("delete-all", table);
  }

  void read_truncate(token_span rest) {
    rest = without(without(rest, {"table"}), {"only"});
    const bool cascade = contains(rest, {"cascade"});
    while (!rest.empty()) {
      const auto table = take_name(rest);
      warn_of("delete-all", table);
      if (cascade) warn("delete-all", "what refers to " + table);
      if (rest.empty() || !rest[0].is(",")) return;
      rest = rest.subspan(1);
    }
  }

  void read_update(token_span rest) {
    if (starts(rest, {"or"}) && rest.size() > 2) rest = rest.subspan(2);
    rest = without(rest, {"only"});
    const auto table = take_name(rest);
    if (!contains_outside_parentheses(rest, "where")) warn_of("update-all", table);
  }

  void read_pragma(token_span rest) {
    for (const auto* word : {"foreign_keys", "journal_mode", "synchronous"}) {
      if (starts(rest, {word})) warn("pragma-without-effect", word);
    }
  }

  const migration& step_;
  const unsigned engine_;
  std::vector<migration_warning>& found_;
  std::set<std::string> made_{};
  std::set<std::string> rebuilt_{};
  std::size_t line_ = 1;
};

}  // namespace

std::vector<migration_warning> lint_migrations(const std::vector<migration>& steps,
                                               dialect engine) {
  std::vector<migration_warning> found;
  for (const auto& step : steps) {
    for (const auto& code : step.intended) {
      if (find_rule(code, in_both)) continue;
      throw configuration_error(fmt::format(
          "the migration {} intends {}, which is no code of a warning", step.name, code));
    }
    const auto kind =
        engine == dialect::sqlite ? storage::engine_kind::sqlite : storage::engine_kind::postgres;
    linting(step, engine, found).read(storage::source_of(step, kind));
  }
  return found;
}

}  // namespace aft
