#pragma once
// Answers with content that is there already, a file or bytes in memory, as RFC 9110 says: with
// validators, conditions, and ranges.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "call.hpp"
#include "directory.hpp"

namespace aft::http {

struct stored_content {
  std::string_view type;
  std::string etag{};                        // quoted
  std::optional<std::int64_t> changed_at{};  // unix seconds
  std::string_view encoding{};               // of a precompressed variant
  bool varies = false;                       // there are variants
  std::string_view cache_control{};
  open_file file{};          // or
  std::string_view bytes{};  // that live as long as the program
};

void reply_content(call& c, stored_content&& content);

}  // namespace aft::http
