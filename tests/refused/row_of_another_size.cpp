// says: SQL_uses_MORE_parameters_than_it_is_given
#include <aft/aft.hpp>

void insert(aft::transaction& tx, const std::vector<std::pair<int, int>>& rows) {
#ifdef AFT_RIGHT
  tx.execute_each("insert into t values ($1, $2)", rows);
#else
  tx.execute_each("insert into t values ($1, $2, $3)", rows);
#endif
}
