// says: aft: the first argument of a job's handler is the job
#include <aft/aft.hpp>

struct mail {
  int x;
};

void define(aft::app& app) {
#ifdef AFT_RIGHT
  app.job<mail>([](mail) {});
#else
  app.job<mail>([](int) {});
#endif
}
