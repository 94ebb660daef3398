// says: operand
#include <sstream>

#include <aft/aft.hpp>

void show(std::ostringstream& to, const aft::secret& s) {
#ifdef AFT_RIGHT
  to << s.text();
#else
  to << s;
#endif
}
