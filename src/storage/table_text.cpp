#include "table_text.hpp"

#include <algorithm>
#include <utility>

namespace aft::storage {
namespace {

bool begins_constraint(const sql_token& t) {
  for (const auto* word :
       {"constraint", "primary", "unique", "check", "foreign", "exclude", "like"}) {
    if (t.is(word)) return true;
  }
  return false;
}

std::string words_of_comment(std::string_view text) {
  text.remove_prefix(2);
  if (text.ends_with("*/")) text.remove_suffix(2);
  std::string words;
  bool space = false;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      space = !words.empty();
    } else {
      if (space) words += ' ';
      space = false;
      words += c;
    }
  }
  return words;
}

void add_comment(std::string& all, std::string_view text) {
  const auto words = words_of_comment(text);
  if (!all.empty() && !words.empty()) all += ' ';
  all += words;
}

bool same_line(const sql_token& a, const sql_token& b) {
  const auto* end = a.text.data() + a.text.size();
  return std::find(end, b.text.data(), '\n') == b.text.data();
}

class reading_of_table {
 public:
  explicit reading_of_table(std::span<const sql_token> tokens) : tokens_(tokens) {}

  std::optional<table_text> read() {
    if (!read_beginning()) return {};
    read_items();
    for (; at_ < tokens_.size(); ++at_) {
      if (tokens_[at_].kind != token_kind::comment) table_.options.push_back(tokens_[at_]);
    }
    return std::move(table_);
  }

 private:
  const sql_token* peek() {
    while (at_ < tokens_.size() && tokens_[at_].kind == token_kind::comment) ++at_;
    return at_ < tokens_.size() ? &tokens_[at_] : nullptr;
  }
  bool skip(std::string_view word) {
    const auto* t = peek();
    if (!t || !t->is(word)) return false;
    ++at_;
    return true;
  }

  bool read_beginning() {
    if (!skip("create")) return false;
    static_cast<void>(skip("temp") || skip("temporary") || skip("unlogged"));
    if (!skip("table")) return false;
    if (skip("if")) static_cast<void>(skip("not") && skip("exists"));
    while (const auto* t = peek()) {
      if (t->is("(")) break;
      if (t->is("as")) return false;
      table_.name.push_back(*t);
      ++at_;
    }
    return !table_.name.empty() && peek();
  }

  // From the opening parenthesis to behind the closing one.
  void read_items() {
    int depth = 0;
    std::string* last_owner = nullptr;
    std::string waiting;  // for the item that follows
    const sql_token* previous = nullptr;
    table_.items.reserve(tokens_.size());  // its comments are pointed to
    bool begins = true;
    for (; at_ < tokens_.size(); previous = &tokens_[at_++]) {
      const auto& t = tokens_[at_];
      if (t.kind == token_kind::comment) {
        const bool ends_line = previous && same_line(*previous, t);
        if (!ends_line && previous && previous->kind != token_kind::comment) last_owner = nullptr;
        if (ends_line) last_owner = begins && table_.items.empty() ? &table_.comment : owner();
        else if (!begins) last_owner = owner();
        else if (!is_below(previous, t)) last_owner = nullptr;
        add_comment(last_owner ? *last_owner : waiting, t.text);
        continue;
      }
      if (t.is("(") && ++depth == 1) continue;
      if (t.is(")") && --depth == 0) {
        ++at_;
        return;
      }
      if (t.is(",") && depth == 1) {
        begins = true;
        continue;
      }
      if (begins) {
        table_.items.emplace_back();
        table_.items.back().comment = std::exchange(waiting, {});
        begins = false;
      }
      table_.items.back().tokens.push_back(t);
    }
  }

  std::string* owner() { return &table_.items.back().comment; }

  // A comment that goes on in the next line, at the same column.
  bool is_below(const sql_token* previous, const sql_token& t) const {
    return previous && previous->kind == token_kind::comment &&
           column_of(*previous) == column_of(t);
  }
  std::size_t column_of(const sql_token& t) const {
    const auto* begin = tokens_[0].text.data();
    const std::string_view before(begin, std::size_t(t.text.data() - begin));
    const auto line = before.rfind('\n');
    return line == before.npos ? before.size() : before.size() - line - 1;
  }

  std::span<const sql_token> tokens_;
  std::size_t at_ = 0;
  table_text table_;
};

}  // namespace

bool table_item::is_column() const { return !tokens.empty() && !begins_constraint(tokens[0]); }

const sql_token* table_item::type() const {
  return is_column() && tokens.size() > 1 && tokens[1].kind == token_kind::word ? &tokens[1]
                                                                                : nullptr;
}

bool table_item::has(std::string_view first, std::string_view second) const {
  for (std::size_t i = 1; i < tokens.size(); ++i) {
    if (!tokens[i].is(first)) continue;
    if (second.empty() || (i + 1 < tokens.size() && tokens[i + 1].is(second))) return true;
  }
  return false;
}

std::optional<table_text> read_table(const script_statement& statement) {
  return reading_of_table(statement.with_comments).read();
}

std::optional<table_text> read_added_column(const script_statement& statement) {
  if (!statement.starts_with({"alter", "table"})) return {};
  const auto& all = statement.with_comments;
  table_text table;
  table_item column;
  bool added = false;
  for (const auto& t : all) {
    if (t.kind == token_kind::comment) {
      if (added) add_comment(column.comment, t.text);
    } else if (added) {
      if (!column.tokens.empty() || !t.is("column")) column.tokens.push_back(t);
    } else if (t.is("add")) {
      added = true;
    } else {
      table.name.push_back(t);
    }
  }
  table.name.erase(table.name.begin(), table.name.begin() + 2);
  const bool exists = table.name.size() > 2 && table.name[0].is("if");
  if (exists) table.name.erase(table.name.begin(), table.name.begin() + 2);
  if (column.tokens.size() > 3 && column.tokens[0].is("if")) {
    column.tokens.erase(column.tokens.begin(), column.tokens.begin() + 3);
  }
  if (!added || !column.is_column()) return {};
  table.items.push_back(std::move(column));
  return table;
}

}  // namespace aft::storage
