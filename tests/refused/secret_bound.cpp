// says: a secret is not bound to a statement
#include <aft/aft.hpp>

void store(aft::transaction& tx, const aft::secret& s) {
#ifdef AFT_RIGHT
  tx.execute("insert into t values ($1)", s.text());
#else
  tx.execute("insert into t values ($1)", s);
#endif
}
