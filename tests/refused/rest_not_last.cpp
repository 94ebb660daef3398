// says: ROUTE_rest_placeholder_must_be_last
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/x/{a...}", [](std::string) {});
#else
  app.get("/{a...}/x", [](std::string) {});
#endif
}
