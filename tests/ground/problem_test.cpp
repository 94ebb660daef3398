#include <aft/ground/problem.hpp>

#include <doctest/doctest.h>

TEST_CASE("a problem is written as RFC 9457 wants it") {
  aft::buffer out;
  aft::problem p = aft::conflict("the name is taken");
  p.code = "name_taken";
  aft::write_problem(out, p, "req-1");
  CHECK(out.view() ==
        R"({"type":"about:blank","title":"Conflict","status":409,"detail":"the name is taken",)"
        R"("code":"name_taken","instance":"req-1"})");
}

TEST_CASE("its errors come with their pointers") {
  aft::buffer out;
  aft::write_problem(out, aft::unprocessable("", {{"body", "/a", "missing", "is required"}}));
  CHECK(out.view() ==
        R"({"type":"about:blank","title":"Unprocessable Content","status":422,"errors":)"
        R"([{"in":"body","pointer":"/a","code":"missing","detail":"is required"}]})");
}
