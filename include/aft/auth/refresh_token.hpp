#pragma once
// Refresh tokens: each is exchanged once, for a new access token and the next refresh token (RFC
// 9700 section 4.14). Stored is only their SHA-256, so a stolen database logs nobody in.

#include <cstdint>
#include <string>
#include <string_view>

#include <aft/ground/result.hpp>
#include <aft/ground/time.hpp>
#include <aft/storage/transaction.hpp>

namespace aft {

struct refresh_options {
  duration lifetime = days(30);         // unused, a token is over
  duration family_lifetime = days(90);  // after that the user logs in again, whatever was used
};

enum class refresh_refusal : std::uint8_t {
  unknown,  // or of a family that has ended
  expired,
  reused,  // somebody has a copy: its whole family has been ended by this
};

struct refreshed {
  std::string subject;
  std::string family;
  std::string token;  // the next one; 43 letters, 256 bits
};

// The first token of a family, after a login.
std::string start_refresh(transaction& tx, std::string_view subject,
                          const refresh_options& options = {});

// Exchanges a token. Let the transaction commit on a refusal too, or the family does not end:
// return the problem, do not throw it.
result<refreshed, refresh_refusal> use_refresh(transaction& tx, std::string_view token,
                                               const refresh_options& options = {});

// Ends the family of a token: a logout. False for a token that is unknown.
bool end_refresh(transaction& tx, std::string_view token);
// Ends all of a subject's; how many families. After a new password, say.
std::int64_t end_refresh_of(transaction& tx, std::string_view subject);

// Forgets families that are over; how many tokens. By a schedule.
std::int64_t drop_expired_refresh(transaction& tx);

}  // namespace aft
