// says: only plain structs
#include <aft/aft.hpp>

struct answer {
  std::int64_t id;
#ifdef AFT_RIGHT
  aft::sealed pin;
#else
  aft::secret_text pin;
#endif
};

std::string show(const answer& a) { return aft::json::write(a); }
