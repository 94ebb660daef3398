#pragma once
// The values of a TOML file, as their texts.

#include <string>
#include <vector>

namespace aft::detail {

struct file_setting {
  std::string name;  // with the tables it is in: "mail.password"
  std::vector<std::string> texts;
  bool is_list = false;
  bool is_quoted = false;  // some text of it is a string of TOML
  bool is_plain = false;   // some is a number, boolean or time
  unsigned line = 0;
};

// In the order of their lines. Empty, with a sentence in `why`, where the file cannot be read or is
// not TOML.
std::vector<file_setting> read_settings_file(const std::string& path, std::string& why);

}  // namespace aft::detail
