#pragma once
// The command line of a benchmark program.

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

// Every flag is "--name VALUE", but for switches, which are "--name" alone. What is wrong is said
// on standard error, and ends the program with status 2.
class arguments {
 public:
  arguments(int count, char** words, std::initializer_list<std::string_view> flags,
            std::initializer_list<std::string_view> switches = {}) {
    for (int i = 1; i < count; ++i) {
      const std::string_view name = words[i];
      if (is_one_of(switches, name) || name == "--version") {
        given_.push_back({name, {}});
      } else if (!is_one_of(flags, name)) {
        refuse({"unknown argument ", name, list(flags, switches)});
      } else if (i + 1 == count) {
        refuse({name, " needs a value"});
      } else {
        given_.push_back({name, words[++i]});
      }
    }
  }

  [[noreturn]] static void refuse(std::initializer_list<std::string_view> why) {
    std::string text;
    for (auto part : why) text += part;
    std::fprintf(stderr, "%s\n", text.c_str());
    std::exit(2);
  }

  bool has(std::string_view name) const { return find(name) != nullptr; }

  // What this program measures; says so and ends where that is all it was asked for.
  void answer_version(const std::string& version) const {
    if (!has("--version")) return;
    std::printf("%s\n", version.c_str());
    std::exit(0);
  }

  std::string text(std::string_view name, std::string_view otherwise) const {
    const auto* g = find(name);
    return std::string(g ? g->value : otherwise);
  }

  std::uint64_t number(std::string_view name, std::uint64_t otherwise, std::uint64_t least,
                       std::uint64_t most) const {
    const auto* g = find(name);
    if (!g) return otherwise;
    std::uint64_t value = 0;
    const char* end = g->value.data() + g->value.size();
    const auto read = std::from_chars(g->value.data(), end, value);
    if (read.ec != std::errc() || read.ptr != end || value < least || value > most) {
      refuse({name, " takes a number from ", std::to_string(least), " to ", std::to_string(most)});
    }
    return value;
  }

 private:
  struct given {
    std::string_view name;
    std::string_view value;
  };

  static bool is_one_of(std::initializer_list<std::string_view> names, std::string_view name) {
    for (auto n : names) {
      if (n == name) return true;
    }
    return false;
  }
  static std::string list(std::initializer_list<std::string_view> flags,
                          std::initializer_list<std::string_view> switches) {
    std::string text = "; known are";
    for (auto f : flags) text.append(" ").append(f).append(" VALUE");
    for (auto s : switches) text.append(" ").append(s);
    return text;
  }
  // The last one counts.
  const given* find(std::string_view name) const {
    for (auto g = given_.rbegin(); g != given_.rend(); ++g) {
      if (g->name == name) return &*g;
    }
    return nullptr;
  }

  std::vector<given> given_;
};

}  // namespace bench
