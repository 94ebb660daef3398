#pragma once
// Refusals of the account routes.

#include <string>
#include <vector>

#include <aft/auth/throttle.hpp>
#include <aft/ground/problem.hpp>
#include <aft/http/message.hpp>

namespace aft::guarding {

problem too_many(duration wait);
problem wrong_credentials();
problem useless_token();

// What the requests of one address are counted by; nothing behind a Unix socket, where all are one.
std::vector<auth::throttle_key> for_address(const request& r, std::string_view what,
                                            const auth::throttle_rule& rule);

}  // namespace aft::guarding
