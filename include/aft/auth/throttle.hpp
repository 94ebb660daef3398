#pragma once
// Slows down who guesses: waits that grow with each failure, stored, so that no restart and no
// other node lets anybody begin anew.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/time.hpp>
#include <aft/storage/transaction.hpp>

namespace aft::auth {

struct throttle_rule {
  int free_attempts = 5;             // before anybody has to wait
  duration first_wait = seconds(1);  // then; it doubles with each attempt
  duration longest_wait = minutes(15);
  duration forget_after = hours(24);  // without an attempt
};

struct throttle_key {
  std::string text;  // stored as a hash, so that the table names nobody
  throttle_rule rule{};
};

// Counts an attempt for all keys before it is made, so that many at once are no way around it.
// Where one of them has to wait, nothing is counted, and the time until then is returned.
std::optional<duration> begin_attempt(transaction& tx, const std::vector<throttle_key>& keys);

// It was no guess: what was counted is taken back; of `cleared`, all that was counted.
void end_attempt(transaction& tx, const std::vector<throttle_key>& keys,
                 const std::vector<std::string>& cleared = {});

// What an address is counted by: IPv4 as it is, IPv6 by its /64, which is what one subscriber has.
std::string address_key(std::string_view address);

}  // namespace aft::auth
