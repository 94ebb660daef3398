// says: constant expression
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/x", [] {});
#else
  std::string path = "/x";
  app.get(path.c_str(), [] {});
#endif
}
