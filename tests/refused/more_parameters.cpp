// says: SQL_uses_MORE_parameters_than_it_is_given
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/x", [](aft::reader& db) { return db.find<int>("select $1 + $2", 1, 2); });
#else
  app.get("/x", [](aft::reader& db) { return db.find<int>("select $1 + $2", 1); });
#endif
}
