// says: not mutable (several threads call it)
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/x", [n = 0] { return n; });
#else
  app.get("/x", [n = 0]() mutable { ++n; });
#endif
}
