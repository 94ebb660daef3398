#pragma once
// How often somebody may ask, said of a route or of the routes of a group.
//
//   app.post("/search", search).limit({.requests = 30, .per = aft::minutes(1)});
//   auto api = app.group("/api").limit({.requests = 1'000, .per = aft::hours(1), .burst = 50,
//                                       .by = aft::limit_by::user});
//   api.get("/export", export_all).limit_at_once({.requests = 2});
//
// Each key has an allowance, which fills up evenly (the generic cell rate algorithm); the routes of
// a group share it. A request that finds none is answered 429 with Retry-After and the code
// "rate_limited", before its body is read into its type, and counts for no limit. All answers of
// the route tell what is left in RateLimit-Policy and RateLimit
// (draft-ietf-httpapi-ratelimit-headers-10). A route may have several limits. Those without one
// cost nothing.

#include <cstddef>
#include <cstdint>
#include <string>

#include <aft/ground/function.hpp>
#include <aft/ground/time.hpp>
#include <aft/http/message.hpp>

namespace aft {

// What a request counts for.
enum class limit_by : std::uint8_t {
  // The client's address: IPv4 as it is, IPv6 by its /64, which is what one subscriber has. All
  // have the same behind a Unix socket, and where a proxy is not trusted (listen_options).
  address,
  user,     // who is signed in; strangers by address. Needs app::use(accounts)
  api_key,  // the bearer token, where accounts::bearer knows it; others by address
  all,      // everybody together
};

// By a key of the host's own, instead: an empty one does not count. Called on an event loop, where
// it must not wait, before anything about the request is known to be true: a key that a stranger
// can make up anew for each request limits nobody.
using limit_key = function<std::string(const request&)>;

struct rate_limit {
  std::int64_t requests = 60;  // in each `per`
  duration per = minutes(1);
  std::int64_t burst = 0;  // that may come at once; 0: all of them
  limit_by by = limit_by::address;
  limit_key key{};
  std::string name{};  // in the headers, in letters, digits, '-' and '_'; empty: what it counts by
  // That are remembered, 16 bytes each. Beyond them the keys that have used least are forgotten
  // first, so a flood of new ones frees nobody who has asked much.
  std::size_t max_keys = 16'384;
  // Counted in the database, for all processes that have the same one; needs a name, which no other
  // shared limit has. Costs a small transaction for each request that is let in, on the work lane;
  // where the database does not answer, each process counts alone. The times of day of the machines
  // should be the same to within a fraction of `per`.
  bool shared = false;
};

// How many requests of a key may be under way, in this process: until they are answered, a stream
// or a WebSocket until it has ended.
struct concurrency_limit {
  std::int64_t requests = 8;
  limit_by by = limit_by::address;
  limit_key key{};
  std::string name{};
};

}  // namespace aft
