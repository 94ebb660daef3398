// says: ROUTE_has_a_dot_segment
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/notes/x", [] {});
#else
  app.get("/notes/../x", [] {});
#endif
}
