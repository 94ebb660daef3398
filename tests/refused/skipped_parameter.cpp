// says: SQL_uses_FEWER_parameters_than_it_is_given
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/x", [](aft::reader& db) { return db.find<int>("select $2 + $1", 1, 2); });
#else
  app.get("/x", [](aft::reader& db) { return db.find<int>("select $2", 1, 2); });
#endif
}
