// says: ROUTE_has_a_bad_character
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/notes", [] {});
#else
  app.get("/notes?x", [] {});
#endif
}
