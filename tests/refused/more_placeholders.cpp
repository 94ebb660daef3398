// says: ROUTE_has_MORE_placeholders_than_the_handler_has_path_values
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/notes/{id}/comments/{n}", [](int, int) {});
#else
  app.get("/notes/{id}/comments/{n}", [](int) {});
#endif
}
