// says: sql_text
#include <aft/aft.hpp>

int count(aft::reader& db, const std::string& table) {
#ifdef AFT_RIGHT
  return db.one<int>(aft::sql_text("select count(*) from").add_name(table));
#else
  return db.one<int>(aft::sql_text("select count(*) from " + table));
#endif
}
