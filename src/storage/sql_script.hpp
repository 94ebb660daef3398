#pragma once
// SQL text as words and statements, as far as both engines write them alike.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace aft::storage {

enum class token_kind : std::uint8_t { word, quoted_name, string, number, symbol, comment };

// Views of the script, which outlives them.
struct sql_token {
  token_kind kind;
  std::string_view text;

  // A word, whatever its case, or a symbol. In lower case here.
  bool is(std::string_view lower_case) const;
  std::string name() const;  // without quotes; an unquoted one in lower case
};

struct script_statement {
  std::string_view text;                   // without the semicolon, and the comments before it
  std::vector<sql_token> tokens{};         // without comments
  std::vector<sql_token> with_comments{};  // from its first word to the semicolon
  std::size_t line = 1;                    // of its first word, in the script

  bool starts_with(std::initializer_list<std::string_view> words) const;
};

std::vector<sql_token> read_tokens(std::string_view script);

// One that lacks its end, as a string without a quote, goes to the end of the script.
std::vector<script_statement> read_script(std::string_view script);

// 'with its quotes', doubled where they stand inside.
std::string sql_string(std::string_view text);

}  // namespace aft::storage
