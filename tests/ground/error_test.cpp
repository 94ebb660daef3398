#include <aft/ground/error.hpp>

#include <string>

#include <doctest/doctest.h>

TEST_CASE("every fault is an aft::error and a std::runtime_error") {
  try {
    throw aft::configuration_error("what is wrong");
  } catch (const aft::error& e) {
    CHECK(std::string(e.what()) == "what is wrong");
  }
}
