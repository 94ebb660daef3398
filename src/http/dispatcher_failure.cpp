// How a failure, or what a handler threw, becomes an answer.

#include "dispatcher.hpp"

#include <string>

#include <aft/ground/error.hpp>

namespace aft::http {

void dispatcher::fail_late(call& c) const {
  c.failed = true;
  c.failure = problem{503, "it took longer than it may; try again later"};
  c.failure.retry_after_seconds = 1;
}

void dispatcher::note_exception(call& c) const {
  c.failed = false;
  c.answer.clear();
  try {
    throw;
  } catch (problem& p) {
    try {
      return reply_problem(c, std::move(p));
    } catch (const error& e) {
      report_to(c, e.what());
    }
  } catch (const std::exception& e) {
    auto known = explain_ ? explain_(e) : std::nullopt;
    if (!known) report_to(c, e.what());
    else if (known->told.status >= 500) report_to(c, e.what(), known->level);
    if (known) {
      c.failed = true;
      c.failure = std::move(known->told);
      return;
    }
  } catch (...) {
    report_to(c, "a handler threw something that is no std::exception");
  }
  if (c.late()) return fail_late(c);
  c.failed = true;
  c.failure = problem{500, "the server could not answer; the fault is its own"};
}

void dispatcher::refuse_as_busy(call& c) const {
  c.failed = true;
  c.failure = problem{503, "the server has more work than it takes on; try again"};
  c.failure.retry_after_seconds = 1;
  answer_failure(c);
}

void dispatcher::answer_failure(call& c) const {
  auto& answer = c.answer;
  const auto allow = std::string(answer.headers.view());  // of a 405
  answer.clear();
  const auto& p = c.failure;
  try {
    if (on_problem_) {
      reply_with(c, on_problem_(p, c.incoming));
    } else {
      answer.status = p.status;
      answer.content_type = "application/problem+json";
      write_problem(answer.body, p);
    }
  } catch (...) {
    report_to(c, "the writer of problems threw, so the answer has none");
    answer.clear();
    answer.status = 500;
  }
  answer.headers.append(allow);
  if (p.status == 401 &&
      answer.headers.view().find("WWW-Authenticate:") == std::string_view::npos) {
    answer.headers.append("WWW-Authenticate: Bearer\r\n");  // RFC 9110 section 15.5.2 wants one
  }
  if (p.retry_after_seconds > 0) {
    add_header(answer, "Retry-After", std::to_string(p.retry_after_seconds));
  }
}

}  // namespace aft::http
