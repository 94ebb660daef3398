// says: aft: a character is neither number nor text here
#include <aft/aft.hpp>

struct letter {
  char c = 'x';
};

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/x", [] { return 1; });
#else
  app.get("/x", [] { return letter{}; });
#endif
}
