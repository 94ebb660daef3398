#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

// The count of those who share an exception lies within libstdc++, where ThreadSanitizer does not
// see it: who lets go last, and destroys it, seems to race with those who have read it.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:std::__exception_ptr::exception_ptr::_M_release\n"
         "race:std::runtime_error::~runtime_error\n"
         "race:aft::error::~error\n";
}
