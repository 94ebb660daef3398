// says: ROUTE_has_an_empty_or_bad_placeholder_name
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/notes/{id}", [](int) {});
#else
  app.get("/notes/{}", [](int) {});
#endif
}
