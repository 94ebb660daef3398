// says: ROUTE_has_FEWER_placeholders_than_the_handler_has_path_values
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/notes/{id}", [](int) {});
#else
  app.get("/notes", [](int) {});
#endif
}
