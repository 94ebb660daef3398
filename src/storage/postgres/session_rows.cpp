// Results of queries: whole, or in pieces that are fetched from a cursor.

#include <algorithm>
#include <cstddef>

#include "columns.hpp"
#include "session_calls.hpp"

namespace aft::storage::postgres {
namespace {

constexpr std::size_t first_piece = 16, largest_piece = 1024;  // rows
constexpr std::size_t piece_bytes = 1u << 20;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// The next word of SQL, in small letters, from `at` on, which is moved behind it; empty at the end.
// What stands in quotes or comments is none.
std::string next_word(std::string_view text, std::size_t& at) {
  while (at < text.size() && !is_letter(text[at])) {
    const char c = text[at];
    if (c == '\'' || c == '"') at = text.find(c, at + 1);
    else if (text.substr(at, 2) == "--") at = text.find('\n', at);
    else if (text.substr(at, 2) == "/*") at = text.find("*/", at + 2);
    if (at >= text.size()) return {};
    ++at;
  }
  std::string word;
  for (; at < text.size() && is_letter(text[at]); ++at) word += char(text[at] | 0x20);
  return word;
}

// Whether a cursor may be declared for it, which none may for what writes.
bool may_have_cursor(std::string_view text) {
  std::size_t at = 0;
  const auto verb = next_word(text, at);
  if (verb == "select" || verb == "values" || verb == "table") return true;
  if (verb != "with") return false;
  for (auto word = next_word(text, at); !word.empty(); word = next_word(text, at)) {
    if (word == "insert" || word == "update" || word == "delete" || word == "merge") return false;
  }
  return true;
}

// Rows for the next piece, by how long they were so far.
std::size_t next_piece(const PGresult* last) {
  const auto rows = std::size_t(PQntuples(last));
  const auto fitting = piece_bytes / (PQresultMemorySize(last) / rows + 1);
  return std::clamp<std::size_t>(fitting, 1, std::min(rows * 8, largest_piece));
}

}  // namespace

std::size_t session::query(std::string_view text, std::span<const detail::parameter> values,
                           const row_target& rows) {
  if (rows.stream && state_ != state::none && may_have_cursor(text)) {
    return stream(text, values, rows);
  }
  row_plan plan;  // kept: one that streams may run other statements, and this one go
  const auto found = with_statement(text, values, [&](statement& s) {
    plan_rows(s, rows.type);
    auto answer = run(s, values);
    plan = s.plan;
    return answer;
  });
  return read_rows(found.get(), *plan, rows);
}

// A cursor on the server, which is closed with the next statement.
class session::open_cursor {
 public:
  explicit open_cursor(session& s)
      : session_(s), name_(fmt::format("aft_rows_{}", ++s.last_name_)) {}
  open_cursor(const open_cursor&) = delete;
  open_cursor& operator=(const open_cursor&) = delete;
  ~open_cursor() {
    if (!declared_ || session_.state_ != state::open) return;
    try {
      session_.read_.push_back(std::move(name_));
    } catch (...) {
      // The end of the transaction closes it, too.
    }
  }

  // Both in one round trip with the first rows.
  result declare(statement& s, std::span<const detail::parameter> values) {
    if (declared_) session_.read_.push_back(name_);  // it had other columns
    const auto& p = session_.parameters_for(s, values);
    const auto text = fmt::format("declare {} no scroll cursor for {}", name_, s.text);
    auto piece = session_.exchange(s.text, 2, [&] {
      PQsendQueryParams(session_.db_.get(), text.c_str(), p.count(), s.takes.data(), p.values(),
                        p.lengths(), p.formats(), 0);
      send_fetch(first_piece, s.binary);
    });
    declared_ = true;
    check_columns(piece.get(), s);
    binary_ = s.binary;
    return piece;
  }

  result fetch(std::size_t count, std::string_view text) {
    if (session_.limit.is_over()) session_.fail_over(text);
    return session_.with_server(
        [&] { return session_.exchange(text, 1, [&] { send_fetch(count, binary_); }); });
  }

 private:
  void send_fetch(std::size_t count, bool binary) {
    const auto text = fmt::format("fetch {} from {}", count, name_);
    PQsendQueryParams(session_.db_.get(), text.c_str(), 0, nullptr, nullptr, nullptr, nullptr,
                      binary);
  }

  // A cursor is planned anew, and may have found other columns than the statement that we know.
  static void check_columns(const PGresult* piece, const statement& s) {
    bool same = std::size_t(PQnfields(piece)) == s.columns.size();
    for (int i = 0; same && i < PQnfields(piece); ++i) {
      same = PQfname(piece, i) == s.columns[std::size_t(i)] &&
             (!s.binary || is_read_in_binary(PQftype(piece, i)));
    }
    if (!same) throw stale_statement(fmt::format("other columns than before (in: {})", s.text));
  }

  session& session_;
  std::string name_;
  bool declared_ = false;
  bool binary_ = false;
};

// Other statements may be run while a row is looked at, so nothing of a piece but itself is kept.
std::size_t session::stream(std::string_view text, std::span<const detail::parameter> values,
                            const row_target& rows) {
  const std::string asked(text);  // for errors; one that was kept may go meanwhile
  row_plan plan;
  open_cursor cursor(*this);
  auto piece = with_statement(text, values, [&](statement& s) {
    plan_rows(s, rows.type);
    auto first = cursor.declare(s, values);
    plan = s.plan;
    return first;
  });
  std::size_t given = 0;
  for (auto wanted = first_piece;;) {
    const auto count = std::size_t(PQntuples(piece.get()));
    for (std::size_t i = 0; i < count; ++i, ++given) {
      auto* row = rows.add(rows.rows);
      if (!row) return given;
      read_row(piece.get(), int(i), *plan, row);
    }
    if (count < wanted) return given;
    wanted = next_piece(piece.get());
    piece.reset();  // one at a time
    piece = cursor.fetch(wanted, asked);
  }
}

}  // namespace aft::storage::postgres
