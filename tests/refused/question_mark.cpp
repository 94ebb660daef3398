// says: SQL_has_a_question_mark_parameter_write_dollar_1_instead
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/x", [](aft::reader& db) { return db.find<int>("select $1 -- ?\n", 1); });
#else
  app.get("/x", [](aft::reader& db) { return db.find<int>("select ?", 1); });
#endif
}
