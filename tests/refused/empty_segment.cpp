// says: ROUTE_has_an_empty_segment
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/notes/x", [] {});
#else
  app.get("/notes//x", [] {});
#endif
}
