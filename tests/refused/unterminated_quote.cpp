// says: SQL_has_an_unterminated_quote
#include <aft/aft.hpp>

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.get("/x", [](aft::reader& db) { return db.find<std::string>("select 'a'"); });
#else
  app.get("/x", [](aft::reader& db) { return db.find<int>("select 'a"); });
#endif
}
