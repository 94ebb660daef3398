#include <aft/ground/buffer.hpp>

#include <string>
#include <utility>

#include <doctest/doctest.h>

TEST_CASE("a buffer grows and keeps what it holds") {
  aft::buffer b;
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    b.append("part ");
    b.append('x');
    expected += "part x";
  }
  CHECK(b.view() == expected);
  b.erase_front(6);
  CHECK(b.view() == expected.substr(6));
}

TEST_CASE("a buffer can be written in place") {
  aft::buffer b;
  char* at = b.reserve(3);
  at[0] = 'a', at[1] = 'b';
  b.stop_at(at + 2);
  CHECK(b.view() == "ab");
}

TEST_CASE("a moved buffer is empty, and clearing keeps its room") {
  aft::buffer a;
  a.append("text");
  aft::buffer b = std::move(a);
  CHECK(b.view() == "text");
  const auto capacity = b.capacity();
  b.clear();
  CHECK(b.empty());
  CHECK(b.capacity() == capacity);
  b.release();
  CHECK(b.capacity() == 0);
}
