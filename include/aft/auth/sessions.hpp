#pragma once
// Sessions: what a browser that has logged in is known by.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/auth/accounts.hpp>

namespace aft::auth {

// A session ends when it was not used for `idle`, and in any case `absolute` after the login. It is
// fresh for a while after its owner has shown the password.
struct session_limits {
  duration idle = days(14);
  duration absolute = days(90);
  duration fresh = minutes(10);
  duration second_within = minutes(10);  // of the password the second factor must be shown
  std::size_t most_per_account = 100;    // the one not seen for longest ends for a new one
};

// Who asks, as it is shown to the owner in the list of sessions. Cut to 200 and 45 bytes.
struct visit {
  std::string device{};   // the User-Agent
  std::string address{};  // of the client
};

struct session {
  std::int64_t id = 0;
  std::int64_t account = 0;
  time_point created_at{}, seen_at{};
  time_point fresh_at{};       // when the password was shown last
  bool awaits_second = false;  // factor: it counts for nothing until then, and is not listed
  std::string device{}, address{};
};

// With the account that it is of.
struct found_session {
  session of;
  account who;
  bool fresh = false;
};

// Its token: 256 bits of randomness, of which only the SHA-256 is stored. Whoever has it is who
// logged in, so it goes into a cookie and nowhere else.
std::string begin_session(transaction& tx, std::int64_t account, const visit& from,
                          const session_limits& limits = {}, bool awaits_second = false);

// Nothing for a token that is unknown, too old, revoked, or whose account is disabled.
std::optional<found_session> find_session(reader& db, std::string_view token,
                                          const session_limits& limits = {});

// Notes that it is used. Costs a write, so once in a minute will do.
void touch_session(transaction& tx, std::int64_t id, time_point seen_at);

// Exchanges its token for a new one, as after each change of what it may do; the old one is void.
// The limits go on. `fresh` says that the password was shown just now, and a second factor where
// one was awaited. Empty: there is no such session.
std::string renew_session(transaction& tx, std::int64_t id, bool fresh);

std::vector<session> list_sessions(reader& db, std::int64_t account,
                                   const session_limits& limits = {});
bool end_session(transaction& tx, std::int64_t account, std::int64_t id);
bool end_session(transaction& tx, std::string_view token);
std::int64_t end_sessions(transaction& tx, std::int64_t account, std::int64_t but = 0);  // how many

// For what lasts longer than a request: a key of a session's token, from which nobody gets the
// token; and which of such keys, in their order, are of no session that counts, as is that of a
// token that was exchanged.
std::string session_key(std::string_view token);
std::vector<std::string> ended_sessions(reader& db, const std::vector<std::string>& keys,
                                        const session_limits& limits = {});

// Told on a commit that ended sessions or exchanged their tokens, see database::listen.
inline constexpr std::string_view sessions_topic = "aft_sessions";

// ---- what is known of devices, so that nobody can lock out an owner by wrong passwords

// A token that says that its bearer has logged in as the account before.
std::string know_device(transaction& tx, std::int64_t account);
std::optional<std::int64_t> find_device(reader& db, std::string_view token, std::int64_t account);
std::int64_t forget_devices(transaction& tx, std::int64_t account);

}  // namespace aft::auth
