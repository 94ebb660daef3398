// says: aft: only plain structs
#include <aft/aft.hpp>

class closed {
 public:
  explicit closed(int x) : x_(x) {}

 private:
  int x_;
};

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/x", [] { return 1; });
#else
  app.get("/x", [] { return closed(1); });
#endif
}
