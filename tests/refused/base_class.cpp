// says: aft: structs with base classes cannot be mapped
#include <aft/aft.hpp>

struct base {
  int x = 0;
};
struct derived : base {
  int y = 0;
};

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/x", [] { return base{}; });
#else
  app.get("/x", [] { return derived{}; });
#endif
}
