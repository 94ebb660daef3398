// says: ROUTE_repeats_a_placeholder_name
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/{a}/{b}", [](int, int) {});
#else
  app.get("/{a}/{a}", [](int, int) {});
#endif
}
