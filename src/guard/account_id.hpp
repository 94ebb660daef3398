#pragma once
// An account as the subject that keys, codes and identities belong to.

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace aft::guarding {

inline std::string subject_of(std::int64_t account) { return std::to_string(account); }

// 0, which no account has, for what is no such subject.
inline std::int64_t account_of(std::string_view subject) {
  std::int64_t id = 0;
  const auto* end = subject.data() + subject.size();
  const auto read = std::from_chars(subject.data(), end, id);
  return read.ec == std::errc() && read.ptr == end ? id : 0;
}

}  // namespace aft::guarding
