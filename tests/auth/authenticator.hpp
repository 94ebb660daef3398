#pragma once
// An authenticator app, as far as tests need one.

#include <string>
#include <string_view>

#include <aft/auth/totp.hpp>

// Of what totp_setup::secret is.
inline std::string from_base32(std::string_view text) {
  std::string bytes;
  unsigned group = 0;
  int bits = 0;
  for (const char c : text) {
    group = group << 5 | unsigned(c >= 'A' ? c - 'A' : c - '2' + 26);
    if ((bits += 5) >= 8) bytes += char(group >> (bits -= 8) & 255);
  }
  return bytes;
}

class authenticator {
 public:
  explicit authenticator(std::string_view base32) : secret_(from_base32(base32)) {}
  std::string code(aft::time_point when) const { return aft::totp_code(secret_, when); }

 private:
  std::string secret_;
};
