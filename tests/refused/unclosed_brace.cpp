// says: ROUTE_has_an_unclosed_brace
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/notes/{id}", [](int) {});
#else
  app.get("/notes/{id", [](int) {});
#endif
}
