#pragma once
// One-time passwords of an authenticator app (RFC 4226, RFC 6238). For who has lost it, see
// aft/auth/recovery_codes.hpp.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <aft/ground/time.hpp>
#include <aft/storage/sealed.hpp>
#include <aft/storage/transaction.hpp>

namespace aft {

enum class otp_hash : std::uint8_t { sha1, sha256, sha512 };

// The code of a counter, or of a moment; 6 to 8 digits. `secret` is raw bytes.
std::string hotp_code(std::string_view secret, std::uint64_t counter, unsigned digits = 6,
                      otp_hash hash = otp_hash::sha1);
std::string totp_code(std::string_view secret, time_point when, unsigned digits = 6,
                      duration step = seconds(30), otp_hash hash = otp_hash::sha1);

std::string to_base32(std::string_view bytes);  // RFC 4648, without padding

struct totp_options {
  std::string issuer;           // what the app shows: "Example"
  unsigned window = 1;          // steps of 30 seconds before and after now whose codes are taken
  unsigned max_failures = 10;   // one after another; then nothing is taken
  duration lock = minutes(15);  // for so long
};

// What the user is shown once, to put into an app.
struct totp_setup {
  std::string secret;  // in base32, for typing; 160 bits
  std::string url;     // "otpauth://totp/...", for a QR code
};

enum class totp_verdict : std::uint8_t {
  accepted,
  wrong,   // or a code that was taken before: each works once
  locked,  // too many wrong ones
  off,     // the subject has none
};

// The second factor of subjects. Their secrets are sealed, and open with the ring alone. Six digits
// of SHA-1, which all apps know. Const from any thread; the ring must outlive it.
class totp {
 public:
  totp(const key_ring& keys, totp_options options);  // throws configuration_error

  // Begins anew; `account` is what the app shows beside the issuer. It counts once a code of it has
  // been confirmed. Nothing where the subject has one already: remove it first.
  std::optional<totp_setup> begin(transaction& tx, std::string_view subject,
                                  std::string_view account) const;
  totp_verdict confirm(transaction& tx, std::string_view subject, std::string_view code) const;

  // Let the transaction commit on all verdicts, or wrong codes are not counted.
  totp_verdict check(transaction& tx, std::string_view subject, std::string_view code) const;

  static bool is_on(reader& db, std::string_view subject);
  static bool remove(transaction& tx, std::string_view subject);

 private:
  totp_verdict take(transaction& tx, std::string_view subject, std::string_view code,
                    bool confirms) const;
  const key_ring& keys_;
  totp_options options_;
};

}  // namespace aft
