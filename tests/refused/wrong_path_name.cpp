// says: ROUTE_placeholder_name_differs_from_the_handlers_path_name
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/{id}", [](aft::path<"id", int>) {});
#else
  app.get("/{id}", [](aft::path<"nid", int>) {});
#endif
}
