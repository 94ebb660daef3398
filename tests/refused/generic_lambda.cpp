// says: no 'auto' parameters
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/x", [] {});
#else
  app.get("/x", [](auto) {});
#endif
}
