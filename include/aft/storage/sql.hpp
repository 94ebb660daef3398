#pragma once
// SQL texts whose parameters are counted when the program is compiled.

#include <cstddef>
#include <string_view>
#include <type_traits>

#include <aft/ground/secret.hpp>
#include <aft/ground/type.hpp>

namespace aft {

namespace detail {

// These functions are never defined: a wrong text makes the compiler name one of them.
void SQL_uses_MORE_parameters_than_it_is_given();
void SQL_uses_FEWER_parameters_than_it_is_given();
void SQL_has_an_unterminated_quote();
void SQL_has_a_question_mark_parameter_write_dollar_1_instead();
void SQL_begins_or_ends_a_transaction_use_savepoint_instead();

// The greatest N of $N outside quotes and comments. Each from 1 must occur.
constexpr unsigned count_parameters(std::string_view text) {
  unsigned greatest = 0;
  std::size_t used_low = 0;  // a bit for each of the first 64
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\'' || c == '"') {
      i = text.find(c, i + 1);
      if (i == text.npos) {
        SQL_has_an_unterminated_quote();
        break;
      }
    } else if (c == '-' && text.substr(i, 2) == "--") {
      i = text.find('\n', i);
      if (i == text.npos) break;
    } else if (c == '/' && text.substr(i, 2) == "/*") {
      i = text.find("*/", i + 2);
      if (i == text.npos) break;
      ++i;
    } else if (c == '?') {
      SQL_has_a_question_mark_parameter_write_dollar_1_instead();
    } else if (c == '$') {
      unsigned number = 0;
      while (i + 1 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9' && number < 1000) {
        number = number * 10 + unsigned(text[++i] - '0');
      }
      if (number > greatest) greatest = number;
      if (number >= 1 && number <= 64) used_low |= std::size_t(1) << (number - 1);
    }
  }
  for (unsigned i = 0; i < greatest && i < 64; ++i) {
    if (!(used_low >> i & 1)) SQL_uses_FEWER_parameters_than_it_is_given();
  }
  return greatest;
}

// Whether it begins, ends or parts a transaction, by its first word. That is for the library: on
// SQLite many share one.
constexpr bool controls_transaction(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    auto behind = at;  // a blank or a comment
    if (std::string_view(" \t\r\n\f;\xEF\xBB\xBF").find(text[at]) != text.npos) ++behind;
    else if (text.substr(at, 2) == "--") behind = text.find('\n', at);
    else if (text.substr(at, 2) == "/*" && (behind = text.find("*/", at + 2)) != text.npos)
      behind += 2;
    if (behind == at || behind == text.npos) break;
    at = behind;
  }
  const auto is_small = [](char c) { return c >= 'a' && c <= 'z'; };
  auto end = at;
  while (end < text.size() && is_small(char(text[end] | 0x20))) ++end;
  for (const std::string_view word :
       {"begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release"}) {
    bool same = word.size() == end - at;
    for (std::size_t i = 0; same && i < word.size(); ++i) same = (text[at + i] | 0x20) == word[i];
    if (same) return true;
  }
  return false;
}

// One value to bind: of any mapped type, or text.
struct parameter {
  const void* value;  // null: `text`
  const type_info* type;
  std::string_view text;
};

template <class T>
parameter bind_parameter(const T& value) {
  static_assert(!std::is_same_v<T, secret>,
                "aft: a secret is not bound to a statement: seal it (aft::key_ring), or bind its "
                "text()");
  if constexpr (std::is_convertible_v<const T&, std::string_view> && !constrained<T>) {
    return {nullptr, nullptr, std::string_view(value)};
  } else {
    return {&value, &type_of<T>(), {}};
  }
}

}  // namespace detail

// A literal that uses exactly $1 to $N, or the program does not compile. It needs no escaping
// anywhere: values are bound, never pasted into the text.
template <std::size_t Count>
class sql_of {
 public:
  template <std::size_t Size>
  consteval sql_of(const char (&text)[Size]) : text_(text, Size - 1) {
    const auto used = detail::count_parameters(text_);
    if (used > Count) detail::SQL_uses_MORE_parameters_than_it_is_given();
    if (used < Count) detail::SQL_uses_FEWER_parameters_than_it_is_given();
  }
  constexpr std::string_view text() const { return text_; }  // with program lifetime

 private:
  std::string_view text_;
};

// A statement for N arguments.
template <class... Args>
class sql : public sql_of<sizeof...(Args)> {
 public:
  template <std::size_t Size>
  consteval sql(const char (&text)[Size]) : sql_of<sizeof...(Args)>(text) {
    if (detail::controls_transaction(this->text())) {
      detail::SQL_begins_or_ends_a_transaction_use_savepoint_instead();
    }
  }
};

}  // namespace aft
