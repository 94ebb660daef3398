#include <aft/storage/errors.hpp>

#include <doctest/doctest.h>

TEST_CASE("a storage error has its fault, and a constraint its kind") {
  const aft::constraint_error e(aft::constraint_kind::unique, "twice");
  const aft::storage_error& base = e;
  CHECK(base.fault() == aft::storage_fault::constraint);
  CHECK(e.kind() == aft::constraint_kind::unique);
}
