// says: ROUTE_path_values_of_the_handler_must_come_first
#include <aft/aft.hpp>

struct input {
  int x;
};

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.post("/{id}", [](int, aft::body<input>) {});
#else
  app.post("/{id}", [](aft::body<input>, int) {});
#endif
}
