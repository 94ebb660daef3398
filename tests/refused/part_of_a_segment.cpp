// says: ROUTE_placeholder_must_be_a_whole_segment
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/notes/{id}", [](int) {});
#else
  app.get("/notes-{id}", [](int) {});
#endif
}
