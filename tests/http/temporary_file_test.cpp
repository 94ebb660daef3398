#include <aft/http/temporary_file.hpp>

#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include <doctest/doctest.h>

#include <aft/ground/error.hpp>

#include "../temporary_file.hpp"

TEST_CASE("what is written to a temporary file can be read, and kept") {
  temporary_folder folder;
  const auto name = folder / "kept";
  {
    aft::temporary_file file(folder / "");
    file.write("hello ");
    file.write(std::string(1'000'000, 'x'));
    CHECK(file.size() == 1'000'006);
    CHECK(file.read(4, 4) == "o xx");
    CHECK(file.read(1'000'005) == "x");
    CHECK(file.read(1'000'006) == "");
    std::ofstream(name) << "what was there";
    file.save_as(name);
  }
  std::ifstream in(name, std::ios::binary);
  const std::string kept{std::istreambuf_iterator<char>(in), {}};
  CHECK(kept == "hello " + std::string(1'000'000, 'x'));
  struct stat about {};
  REQUIRE(::stat(name.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0600);
}

TEST_CASE("a disk that refuses is told") {
  CHECK_THROWS_AS(aft::temporary_file("/nowhere/at/all"), aft::error);
  aft::temporary_file file;
  CHECK_THROWS_AS(file.save_as("/nowhere/at/all"), aft::error);
}

TEST_CASE("a temporary file can be handed on") {
  aft::temporary_file first;
  first.write("a");
  aft::temporary_file second(std::move(first));
  aft::temporary_file third;
  third = std::move(second);
  CHECK(third.read() == "a");
}
