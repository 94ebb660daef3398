// What is logged and traced of requests and their answers.

#include "dispatcher.hpp"

#include <string>

namespace aft::http {

void dispatcher::report_to(call& c, std::string_view what, log_level level) const {
  if (!log_.takes(level, "http")) return;
  const auto& context = c.origin.get();
  log_.write({.level = level,
              .room = "http",
              .message = what,
              .route = context.route,
              .request_id = context.request_id,
              .trace_id = context.trace.trace_id,
              .user_id = context.user_id});
}

void dispatcher::note_answer(call& c) const {
  const auto took = microseconds((tally::now() - c.began) / 1000);
  if (spans) end_span(c, took);
  log_answer(c, took);
}

void dispatcher::end_span(call& c, duration took) const {
  const auto& context = c.origin.get();
  if (!context.trace.sampled) return;
  const auto status = c.answer.status;
  const auto verb = c.head.method == method::other ? "_OTHER" : to_string(c.head.method);
  ended_span s{.trace = context.trace,
               .parent_id = c.origin.parent_id(),
               .name = context.route.empty() ? std::string(verb) : context.route,
               .kind = span_kind::server,
               .began = spans->now() - took,
               .took = took};
  s.attributes.emplace_back("http.request.method", verb);
  s.attributes.emplace_back("http.response.status_code", status);
  s.attributes.emplace_back("aft.request.id", context.request_id);
  if (c.route) s.attributes.emplace_back("http.route", c.route->pattern);
  if (status >= 500) s.failure = "status " + std::to_string(status);
  spans->take(std::move(s));
}

void dispatcher::log_answer(call& c, duration took) const {
  const bool is_slow = slow_handler > duration() && took > slow_handler;
  const auto level = is_slow ? log_level::warning : log_level::info;
  if ((!is_slow && !logs_access) || !log_.takes(level, "access")) return;
  const auto& context = c.origin.get();
  log_.write({.level = level,
              .room = "access",
              .message = is_slow ? "a request took long" : "a request was answered",
              .route = context.route,
              .request_id = context.request_id,
              .trace_id = context.trace.trace_id,
              .user_id = context.user_id,
              .status = c.answer.status,
              .took = took});
}

void dispatcher::report_broken(std::string_view what) const {
  log_.write(log_level::error, "http", what);
}

}  // namespace aft::http
