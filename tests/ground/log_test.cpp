#include <aft/ground/log.hpp>

#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

TEST_CASE("a logger passes on what is at least as important as it wants") {
  std::string seen;
  aft::logger log([&](const aft::log_record& r) { seen += std::string(r.message) + "|"; },
                  aft::log_level::warning);
  log.write(aft::log_level::info, "test", "small");
  log.write(aft::log_level::error, "test", "great");
  CHECK(seen == "great|");
}

TEST_CASE("a logger without a sink is silent, and one that throws does no harm") {
  aft::logger().write(aft::log_level::error, "test", "nobody hears");
  aft::logger log([](const aft::log_record&) { throw std::runtime_error("full"); });
  CHECK_NOTHROW(log.write(aft::log_level::error, "test", "x"));
}
