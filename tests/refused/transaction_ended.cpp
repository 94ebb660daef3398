// says: SQL_begins_or_ends_a_transaction_use_savepoint_instead
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.post("/x", [](aft::transaction& tx) { tx.execute("delete from t"); });
#else
  app.post("/x", [](aft::transaction& tx) { tx.execute("/* all of it */ Commit"); });
#endif
}
