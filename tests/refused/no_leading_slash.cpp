// says: ROUTE_must_start_with_a_slash
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/notes", [] {});
#else
  app.get("notes", [] {});
#endif
}
