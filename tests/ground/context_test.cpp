#include <aft/ground/context.hpp>

#include <thread>

#include <doctest/doctest.h>

TEST_CASE("a traceparent is read by the book") {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736", span = "00f067aa0ba902b7";
  const auto read = aft::read_traceparent("00-" + trace + "-" + span + "-01");
  REQUIRE(read);
  CHECK(*read == aft::trace_context{trace, span, true});
  CHECK(aft::write_traceparent(*read) == "00-" + trace + "-" + span + "-01");
  CHECK_FALSE(aft::read_traceparent("00-" + trace + "-" + span + "-00")->sampled);
  CHECK_FALSE(aft::read_traceparent("00-" + trace + "-" + span + "-02")->sampled);
  CHECK(aft::read_traceparent("00-" + trace + "-" + span + "-0b")->sampled);
  CHECK(aft::read_traceparent("cc-" + trace + "-" + span + "-01-what-comes"));
  CHECK(aft::read_traceparent("cc-" + trace + "-" + span + "-01"));

  const std::string refused[] = {
      "",
      "00",
      "00-" + trace + "-" + span,
      "00-" + trace + "-" + span + "-1",
      "00-" + trace + "-" + span + "-01-more",
      "00-" + trace + "-" + span + "-01 ",
      " 00-" + trace + "-" + span + "-01",
      "cc-" + trace + "-" + span + "-01.what",
      "ff-" + trace + "-" + span + "-01",
      "0x-" + trace + "-" + span + "-01",
      "00-" + trace + "-" + span + "-0G",
      "00-4BF92F3577B34DA6A3CE929D0E0E4736-" + span + "-01",
      "00-" + trace + "-00F067AA0BA902B7-01",
      "00-00000000000000000000000000000000-" + span + "-01",
      "00-" + trace + "-0000000000000000-01",
      "00_" + trace + "-" + span + "-01",
      "00-" + trace.substr(1) + "--" + span + "-01",
  };
  for (const auto& header : refused) {
    CAPTURE(header);
    CHECK_FALSE(aft::read_traceparent(header));
  }
}

TEST_CASE("new traces and spans are written as they are read") {
  const auto first = aft::make_trace(true);
  CHECK(aft::read_traceparent(aft::write_traceparent(first)) == first);
  const auto second = aft::next_span(first);
  CHECK(second.trace_id == first.trace_id);
  CHECK(second.span_id != first.span_id);
  CHECK(second.sampled);
  CHECK(aft::make_trace().trace_id != first.trace_id);
}

TEST_CASE("scopes give their own thread a context, the innermost first") {
  CHECK(aft::current_context() == nullptr);
  {
    const aft::context_scope outer({.request_id = "outer"});
    {
      const aft::context_scope inner({.request_id = "inner"});
      CHECK(aft::current_context()->request_id == "inner");
      std::thread([] { CHECK(aft::current_context() == nullptr); }).join();
    }
    CHECK(aft::current_context()->request_id == "outer");
  }
  CHECK(aft::current_context() == nullptr);
}
