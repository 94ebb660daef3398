#include <aft/jobs/handler.hpp>

#include <memory>

#include <doctest/doctest.h>

#include "jobs/run.hpp"

namespace {
struct task {
  int x;
};
}  // namespace

TEST_CASE("a handler's signature says what it takes") {
  auto h = aft::detail::make_job_handler<task>(
      [](const task&, std::string&, aft::transaction&, const int&, aft::job_context&) {});
  const auto& info = h.info();
  CHECK(info.kind == "task");
  CHECK(info.takes_transaction);
  CHECK(!info.takes_reader);
  REQUIRE(info.state_count == 2);
  CHECK(info.states[0] == aft::key_of<std::string>());
  CHECK(info.states[1] == aft::key_of<int>());
}

TEST_CASE("arguments reach the handler in their places") {
  int seen = 0;
  std::string text = "abc";
  int number = 4;
  auto h = aft::detail::make_job_handler<task>(
      [&seen](task t, int& n, aft::job_context& c, std::string& s) {
        seen = t.x + n + c.attempt() + int(s.size());
      });
  aft::field_errors errors;
  void* job = h.info().read(R"({"x":100})", errors);
  REQUIRE(job);
  const aft::logger log;
  const aft::clock time;
  aft::database db(":memory:", {}, log, time);
  const aft::jobs::stored_job stored{};
  aft::jobs::run run(db, stored, {{1, 1, 20}, 25, {}, {}});
  aft::job_context context(run);
  void* const states[] = {&number, &text};
  h.info().run(h.callable(), job, context, nullptr, nullptr, states);
  h.info().destroy(job);
  CHECK(seen == 127);
  CHECK(!h.info().read("{}", errors));
  CHECK(errors.size() == 1);
}
