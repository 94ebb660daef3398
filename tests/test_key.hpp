#pragma once
// The key of the SQLite files of this run, where AFT_TEST_KEY gives one; the SQLite must encrypt.

#include <cstdlib>

#include <aft/ground/secret.hpp>

inline aft::secret test_key() {
  const char* key = std::getenv("AFT_TEST_KEY");
  return key ? key : "";
}
