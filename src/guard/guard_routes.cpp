#include "guard_routes.hpp"

#include "../storage/database.hpp"

namespace aft::guarding {

void provide_guard(http::dispatcher& routes, guard& g) {
  routes.provide({key_of<guard>(), lane::io, &g, [](void* o, http::call&) { return o; }, nullptr});
  routes.guard({&g, g.db().inside().engine().reads_wait() ? lane::work : lane::io,
                [](void* context, http::call& c) {
                  auto& db = *static_cast<reader*>(c.owner->find(key_of<reader>(), c));
                  static_cast<const guard*>(context)->check(c, db);
                },
                [](void* context, http::call& c) { static_cast<const guard*>(context)->hold(c); }});
}

}  // namespace aft::guarding
