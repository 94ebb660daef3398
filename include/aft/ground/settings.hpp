#pragma once
// One struct of settings, filled from a file, the environment and the command line.
//
//   struct config {
//     std::string database = "notes.db";
//     std::uint16_t port = 8080;
//     aft::duration drain = aft::seconds(10);
//     std::string mail_password;
//     static void rules(aft::rules<config>& r) {
//       r(&config::database).describe("a file, or postgresql://...");
//       r(&config::mail_password).secret();
//     }
//   };
//
//   int main(int count, char** words) {
//     auto found = aft::read_settings<config>({.program = "notes", .environment = "NOTES_"},
//                                             count, words);
//     if (!found) return std::fputs(found.reason().text.c_str(), stderr), found.reason().status;
//     aft::app app({.database = found->values.database});
//
// A field `port` is `port = 8080` in the file, NOTES_PORT in the environment, and --port 8080 or
// --port=8080 on the command line, which goes before the environment, which goes before the file.
// A struct in the struct is a table: [mail] password, NOTES_MAIL_PASSWORD, --mail-password. A list
// is an array in the file, parted by commas in the environment, and given again and again on the
// command line. A flag alone, --verbose, is true. Times such as aft::duration are "1h30m", "500ms".

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/result.hpp>
#include <aft/ground/time.hpp>
#include <aft/ground/type.hpp>

namespace aft {

// "1h30m", "10s", "500ms", "250us", "2d"; "0". Empty for anything else, and beyond 100,000 days.
std::optional<duration> read_duration(std::string_view text);
std::string write_duration(duration d);

template <>
struct codec<duration> {
  using written_as = std::string;
  static std::string encode(duration d) { return write_duration(d); }
  static std::optional<duration> decode(std::string&& text, std::string& why) {
    auto d = read_duration(text);
    if (!d) why = "must be a time such as 10s, 1h30m or 500ms";
    return d;
  }
};

// Where a program's settings are looked for.
struct settings_places {
  std::string program;        // its name, for messages
  std::string environment{};  // what its variables begin with: "NOTES_"; empty: none is read
  std::string file{};         // TOML, read where it is there; --config FILE names one that must be
  std::string about{};        // a sentence or more, for --help
};

// One setting as it is now.
struct setting {
  std::string name;   // "mail.password"
  std::string value;  // as it is written in TOML; "***" where it is secret and not empty
  std::string from;   // "default", "notes.toml, line 3", "NOTES_PORT", "--port"
  bool is_secret = false;
};

template <class T>
struct settings {
  T values{};
  std::vector<setting> all{};  // in the order of the fields
};

// Why the program is not to go on: there are mistakes, or it was asked for help (--help) or for its
// settings (--settings, which shows each with the place it came from, secrets masked).
struct settings_end {
  int status = 2;    // of the process: 0, or 2 for mistakes
  std::string text;  // lines, to be printed: to standard error unless the status is 0
};

namespace detail {
std::optional<settings_end> read_settings(const settings_places& where,
                                          std::span<const char* const> words, void* values,
                                          const type_info& type, std::vector<setting>& all);
}

// All mistakes at once: unknown keys of the file, variables and options, values that do not fit the
// type of their field and its rules, a file that is not TOML. Reads the environment and the file
// when it is called. Fields are booleans, numbers, texts, enums, times, codecs of these, optionals
// and lists of them, and structs; others throw configuration_error.
template <class T>
result<settings<T>, settings_end> read_settings(const settings_places& where, int count,
                                                const char* const* words) {
  settings<T> found;
  const std::span<const char* const> given(words + (count > 0),
                                           std::size_t(count > 0 ? count - 1 : 0));
  if (auto end = detail::read_settings(where, given, &found.values, type_of<T>(), found.all)) {
    return *std::move(end);
  }
  return found;
}

}  // namespace aft
