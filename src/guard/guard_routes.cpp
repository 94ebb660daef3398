#include "guard_routes.hpp"

#include <algorithm>

#include "../storage/database.hpp"

namespace aft::guarding {

namespace {

// What limits count by: who is signed in, or the token that was found to be theirs.
std::string find_caller(void* context, http::call& c, limit_by by) {
  auto& db = *static_cast<reader*>(c.owner->find(key_of<reader>(), c));
  const auto v = static_cast<const guard*>(context)->visitor_of(c.incoming, db);
  if (!v->who) return {};
  if (by == limit_by::user) return std::to_string(v->who->id);
  const auto line = c.incoming.header("Authorization").value_or("");
  return v->by_cookie ? std::string()
                      : std::string(line.substr(std::min<std::size_t>(7, line.size())));
}

}  // namespace

void provide_guard(http::dispatcher& routes, guard& g) {
  routes.provide({key_of<guard>(), lane::io, &g, [](void* o, http::call&) { return o; }, nullptr});
  const auto least = g.db().inside().engine().reads_wait() ? lane::work : lane::io;
  routes.limits().callers = {&g, least, &find_caller};
  routes.guard({&g, least,
                [](void* context, http::call& c) {
                  auto& db = *static_cast<reader*>(c.owner->find(key_of<reader>(), c));
                  static_cast<const guard*>(context)->check(c, db);
                },
                [](void* context, http::call& c) { static_cast<const guard*>(context)->hold(c); }});
}

}  // namespace aft::guarding
