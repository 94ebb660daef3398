#include <aft/ground/result.hpp>

#include <memory>
#include <string>

#include <doctest/doctest.h>

namespace {
enum class refusal { unknown, locked };
aft::result<std::string, refusal> find(int id) {
  if (id < 0) return refusal::locked;
  return std::string(std::size_t(id), 'x');
}
}  // namespace

TEST_CASE("a result holds a value or a reason") {
  CHECK(*find(3) == "xxx");
  CHECK(find(2)->size() == 2);
  auto refused = find(-1);
  CHECK(!refused);
  CHECK(refused.reason() == refusal::locked);
}

TEST_CASE("a result may hold what cannot be copied") {
  aft::result<std::unique_ptr<int>, refusal> r(std::make_unique<int>(5));
  auto taken = *std::move(r);
  CHECK(*taken == 5);
}
