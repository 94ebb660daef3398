// says: aft: a handler cannot take this type
#include <aft/aft.hpp>

struct stranger {
  explicit stranger(int) {}
};

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/x", [](stranger&) {});
#else
  app.get("/x", [](stranger) {});
#endif
}
