#include <aft/ground/span.hpp>

#include <stdexcept>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace {

struct kept_spans final : aft::detail::span_collector {
  std::vector<aft::ended_span> all{};
  bool wants_new_trace() override { return true; }
  void take(aft::ended_span&& s) noexcept override { all.push_back(std::move(s)); }
  aft::time_point now() const override { return aft::time_point(aft::seconds(1'769'860'800)); }
};

}  // namespace

TEST_CASE("parts belong to the part around them, and the innermost ends first") {
  kept_spans to;
  const aft::request_context request{.request_id = "r", .trace = aft::make_trace(true)};
  const aft::context_scope context(request, &to);
  {
    aft::span outer("outer");
    CHECK(bool(outer));
    outer.note("name", "text");
    outer.note("number", 7);
    { const aft::span inner("inner", aft::span_kind::client); }
    aft::detail::add_span({.name = "query", .took = aft::milliseconds(3)});
  }
  REQUIRE(to.all.size() == 3);
  const auto &inner = to.all[0], &query = to.all[1], &outer = to.all[2];
  CHECK(outer.name == "outer");
  CHECK(outer.parent_id == request.trace.span_id);
  CHECK(inner.parent_id == outer.trace.span_id);
  CHECK(inner.kind == aft::span_kind::client);
  CHECK(query.parent_id == outer.trace.span_id);
  CHECK(query.began == to.now() - aft::milliseconds(3));
  for (const auto& s : to.all) CHECK(s.trace.trace_id == request.trace.trace_id);
  REQUIRE(outer.attributes.size() == 2);
  CHECK(outer.attributes[0].value == "text");
  CHECK_FALSE(outer.attributes[0].is_integer);
  CHECK(outer.attributes[1].value == "7");
  CHECK(outer.attributes[1].is_integer);
  CHECK_FALSE(outer.failure);
  CHECK(aft::current_context()->trace == request.trace);  // as it was before
}

TEST_CASE("what threw has failed, and what says so") {
  kept_spans to;
  const aft::context_scope context({.trace = aft::make_trace(true)}, &to);
  try {
    const aft::span step("throws");
    throw std::runtime_error("no");
  } catch (const std::runtime_error&) {
    const aft::span step("in the handler of another");
  }
  { aft::span("fails").fail("it is closed"); }
  REQUIRE(to.all.size() == 3);
  CHECK(to.all[0].failure == "it threw");
  CHECK_FALSE(to.all[1].failure);
  CHECK(to.all[2].failure == "it is closed");
}

TEST_CASE("where nobody collects, or not this trace, a span is nothing") {
  CHECK_FALSE(bool(aft::span("without a context")));
  kept_spans to;
  {
    const aft::context_scope context({.trace = aft::make_trace(false)}, &to);
    aft::span step("not sampled");
    step.note("a", "b");
    CHECK_FALSE(bool(step));
  }
  {
    const aft::context_scope context({.trace = aft::make_trace(true)});
    CHECK_FALSE(bool(aft::span("no collector")));
    CHECK_FALSE(aft::detail::is_traced());
  }
  CHECK(to.all.empty());
}

TEST_CASE("a scope within another has its collector") {
  kept_spans to;
  const aft::context_scope outer({.trace = aft::make_trace(true)}, &to);
  const aft::context_scope inner({.trace = aft::make_trace(true)});
  CHECK(aft::detail::is_traced());
}
