// says: execute
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/x", [](aft::transaction& db) { db.execute("delete from t"); });
#else
  app.get("/x", [](aft::reader& db) { db.execute("delete from t"); });
#endif
}
