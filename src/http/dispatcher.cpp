#include "dispatcher.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include <aft/ground/error.hpp>

#include "../ground/current_context.hpp"
#include "compression.hpp"
#include "entity_tag.hpp"
#include "token_gate.hpp"

namespace aft::http {

dispatcher::dispatcher(const logger& log, problem_writer on_problem, access_policy access,
                       const compression_options& compression)
    : log_(log), on_problem_(std::move(on_problem)), access_(std::move(access)), limits_(log),
      compression_(compression) {
  check_compression(compression_);
}

namespace {

// The greatest lane that these arguments need, with what they are made from.
void find_lanes(const argument_info* arguments, std::uint32_t count, bool making,
                const std::vector<provider>& providers, route_entry& entry, std::string& wrong) {
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto& a = arguments[i];
    if (a.kind == argument_kind::made) {
      find_lanes(a.needs, a.need_count, true, providers, entry, wrong);
    }
    if (a.kind != argument_kind::resource) continue;
    const auto found = std::find_if(providers.begin(), providers.end(),
                                    [&](const provider& p) { return p.key == a.key; });
    if (found == providers.end()) {
      wrong += fmt::format(
          "\n  {} takes {}&, which nobody provides; give it to app.state(), or for "
          "a database .database to the app",
          entry.label(), a.name);
      continue;
    }
    // A made argument may need a reader while it is made, but never a transaction: that would have
    // to be committed before the coroutine goes on.
    const bool kept = !making && (found->put || found->least != lane::io);
    if (entry.handler.info().result.is_later && (kept || found->least == lane::write)) {
      wrong += fmt::format(
          "\n  {} is a coroutine, but takes {}&, which none may keep while it waits; take "
          "aft::database& and ask it each time",
          entry.label(), a.name);
    }
    entry.run_lane = std::max(entry.run_lane, found->least);
    if (making) entry.extract_lane = std::max(entry.extract_lane, found->least);
  }
}

// Two operations of one id would be one function in a client.
void find_repeated_ids(const route_list& routes, std::string& wrong) {
  std::map<std::string, const route_entry*> known;
  for (const auto& entry : routes.entries) {
    if (entry->operation_id.empty() || entry->hidden) continue;
    const auto [at, fresh] = known.emplace(entry->operation_id, entry.get());
    if (!fresh) {
      wrong += fmt::format("\n  {} and {} have the same operation id \"{}\"", at->second->label(),
                           entry->label(), entry->operation_id);
    }
  }
}

void add_policies(const argument_info* arguments, std::uint32_t count, route_policy& to) {
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto& a = arguments[i];
    if (a.kind != argument_kind::made) continue;
    add_policies(a.needs, a.need_count, to);
    if (!a.policy) continue;
    to.who = std::max(to.who, a.policy->who);
    if (!a.policy->role.empty()) to.roles.push_back({std::string(a.policy->role)});
    to.fresh |= a.policy->fresh;
  }
}

}  // namespace

void dispatcher::check_policy(route_entry& entry, std::string& wrong) const {
  const auto& info = entry.handler.info();
  const auto stated = entry.policy.who;
  add_policies(info.arguments, info.argument_count, entry.policy);
  const auto who = entry.policy.who;
  if (!guard_.context) {
    if (who == admission::signed_in) {
      wrong += fmt::format(
          "\n  {} is for who is signed in, but there are no accounts; app.use them", entry.label());
    }
    return;
  }
  if (who == admission::unstated) {
    wrong += fmt::format(
        "\n  {} does not say who may use it; state allow_anyone(), require_user() or "
        "require_role(), or take an aft::user",
        entry.label());
  }
  if (stated == admission::anyone && who == admission::signed_in) {
    wrong += fmt::format("\n  {} is for anyone, but takes who is signed in", entry.label());
  }
  if (who != admission::signed_in) return;
  entry.is_guarded = true;
  entry.extract_lane = std::max(entry.extract_lane, guard_.least);
  entry.run_lane = std::max(entry.run_lane, guard_.least);
}

void dispatcher::start(route_list& routes) {
  std::string wrong;
  if (providers_.size() > 32) throw configuration_error("more than 32 states in one app");
  for (std::size_t i = 0; i < routes.entries.size(); ++i) {
    auto& entry = *routes.entries[i];
    const auto other = tree_.add(entry.method, entry.pattern, std::int32_t(i));
    if (other != route_tree::none) {
      const auto& first = *routes.entries[std::size_t(other)];
      wrong += first.pattern == entry.pattern
                   ? fmt::format("\n  {} is registered twice: {}", entry.label(), first.label())
                   : fmt::format("\n  {} can never be reached: {} has the same shape",
                                 entry.label(), first.label());
    }
    entry.index = i;
    entry.run_lane = entry.handler.least_lane;
    const auto& info = entry.handler.info();
    for (std::uint32_t a = 0; a < info.argument_count; ++a) {
      entry.takes_body_in_parts |= info.arguments[a].kind == argument_kind::body_into;
    }
    if (!info.is_planned) {
      find_lanes(info.arguments, info.argument_count, false, providers_, entry, wrong);
    }
    check_policy(entry, wrong);
    entry.time_limit = (entry.deadline.value_or(deadline).in_microseconds() + 999) / 1000;
    entry.outlives_buffer = entry.run_lane != lane::io || info.result.is_later;
    limits_.start(entry, wrong);
    entry.runs_at_once = entry.extract_lane == lane::io && !entry.outlives_buffer &&
                         !entry.is_guarded && !entry.is_limited && !entry.takes_body_in_parts &&
                         !entry.idempotent;
    if (entry.idempotent && (entry.run_lane != lane::write || entry.takes_body_in_parts)) {
      wrong += fmt::format(
          "\n  {} is idempotent, but takes no transaction, with which its answer is stored, or its "
          "body in parts",
          entry.label());
    }
    if (entry.handler.least_lane == lane::work && entry.run_lane == lane::write) {
      wrong += fmt::format(
          "\n  {} is aft::blocking, but takes a transaction, which nothing may hold "
          "up; take aft::database& and write through it",
          entry.label());
    }
  }
  find_repeated_ids(routes, wrong);
  if (!wrong.empty()) throw configuration_error("the routes cannot be served:" + wrong);
  routes.closed = true;
  routes_ = &routes;
  counted_ = std::make_unique<tallies>(routes);
}

// Whoever asks for a page is sent on. Who calls an API is told instead: its secrets went over the
// open network, and would again at every call.
void dispatcher::send_to_https(call& c, const std::string& port) const {
  const auto& head = c.head;
  const auto host = host_name(head.authority.empty() ? head.value(known::host) : head.authority);
  const auto where = fmt::format("https://{}{}", host, port);
  const bool found = c.match.route != route_tree::none;
  const bool is_page =
      found && (head.method == method::get || head.method == method::head) &&
      routes_->entries[std::size_t(c.match.route)]->handler.info().result.kind != content::json &&
      !head.upgrades && !head.has(known::authorization);
  if (is_page && !host.empty()) {
    c.answer.status = 308;
    return add_header(c.answer, "Location", where + std::string(head.target));
  }
  c.fail(403, "this is served over HTTPS alone: " + where);
  c.failure.code = "https_only";
}

namespace {

std::string methods_of(std::uint32_t allowed) {
  if (allowed & 1u << unsigned(method::get)) allowed |= 1u << unsigned(method::head);
  allowed |= 1u << unsigned(method::options);
  std::string names;
  for (unsigned i = 0; i < unsigned(method::other); ++i) {
    if (!(allowed >> i & 1)) continue;
    if (!names.empty()) names += ", ";
    names += to_string(method(i));
  }
  return names;
}

}  // namespace

bool dispatcher::has_coroutines() const {
  const auto& all = routes_->entries;
  return std::any_of(all.begin(), all.end(),
                     [](const auto& e) { return e->handler.info().result.is_later; });
}

bool dispatcher::let_in(call& c) const {
  const auto& head = c.head;
  if (!access_policy::lets_in(head.access, head)) {
    if (head.access == access_verdict::wrong_host) {
      c.fail(421, "this server does not go by that name; declare it as a host to let it in");
    } else {
      c.fail(403, "a page of another origin may not do this");
    }
    return false;
  }
  const bool preflight = head.access == access_verdict::known_origin &&
                         head.method == method::options &&
                         c.incoming.header("Access-Control-Request-Method");
  if (!preflight) return true;
  c.answer.status = 204;
  c.answer.headers.append(access_.for_preflights());
  return false;
}

void dispatcher::search_route(call& c) const {
  const auto& head = c.head;
  if (!head.is_repeated) c.literal_route = nullptr;
  if (head.access != access_verdict::own && !let_in(c)) return;
  if (gate_ && !gate_->lets_in(c)) return;
  const auto* client = request_access::client(c.incoming);
  const bool goes_on = !client || !client->https_port;
  if (c.literal_route && goes_on) return take_route(c, c.literal_route);  // the gate let it in
  const auto path = head.target.substr(0, head.path_length);
  if (path.front() != '/') {  // "*", which only OPTIONS may ask for
    c.answer.status = 204;
    add_header(c.answer, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, QUERY");
    return;
  }
  auto verdict = path_verdict::ok;
  c.match.route = route_tree::none;
  const bool is_literal = tree_.find_literal(head.method, path, c.match);
  if (!is_literal) {
    verdict = split_path(path, c.decoded_path, c.segments);
    if (verdict == path_verdict::ok) tree_.find(head.method, c.segments, c.match);
  }
  if (!goes_on && !path.starts_with("/.well-known/acme-challenge/") && !c.incoming.secure()) {
    return send_to_https(c, *client->https_port);
  }
  if (verdict != path_verdict::ok || c.match.route == route_tree::none) {
    return answer_without_route(c, verdict);
  }
  const auto* route = routes_->entries[std::size_t(c.match.route)].get();
  if (is_literal) c.literal_route = route;
  take_route(c, route);
}

void dispatcher::answer_without_route(call& c, path_verdict verdict) const {
  if (verdict == path_verdict::malformed) {
    return c.fail(400, "the path holds a malformed escape, or a segment \".\" or \"..\"");
  }
  if (verdict == path_verdict::too_deep) return c.fail(404, "no such path");
  if (c.match.allowed) {
    const auto allowed = methods_of(c.match.allowed);
    add_header(c.answer, "Allow", allowed);
    if (c.head.method == method::options) {
      c.answer.status = 204;
      return;
    }
    if (c.head.method == method::other) return c.fail(501, "no such method");
    return c.fail(405, fmt::format("this path answers {}", allowed));
  }
  // The same path with a slash more or less at its end.
  auto& segments = c.segments;
  const bool slash = segments.text[segments.count - 1].empty();
  // A browser takes a backslash for a slash, and "//" for another host.
  const bool ambiguous = segments.has_empty || c.head.target.find('\\') != std::string_view::npos;
  if (!ambiguous && segments.count > unsigned(slash) && segments.count < path_segments::max) {
    route_tree::match other;
    if (slash) --segments.count;
    else segments.text[segments.count] = {}, segments.raw[segments.count++] = segments.end;
    tree_.find(c.head.method, segments, other);
    if (other.route != route_tree::none && !(other.has_rest && !slash)) {
      std::string location(c.head.target.substr(0, c.head.path_length));
      if (slash) location.pop_back();
      else location += '/';
      location += c.head.target.substr(c.head.path_length);
      c.answer.status = 308;
      return add_header(c.answer, "Location", location);
    }
  }
  c.fail(404, "no such path");
}

void* dispatcher::find(resource_key key, call& c) const {
  for (std::size_t i = 0; i < providers_.size(); ++i) {
    const auto& p = providers_[i];
    if (p.key != key) continue;
    void* found = p.get(p.context, c);
    if (p.put) c.taken |= 1u << i;
    return found;
  }
  return nullptr;  // start() made sure of every key
}

void dispatcher::put_back(call& c) const {
  for (std::size_t i = 0; c.taken; ++i) {
    if (!(c.taken & 1u << i)) continue;
    c.taken &= ~(1u << i);
    providers_[i].put(providers_[i].context, c);
  }
}

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
    // What is only busy is no fault, and mostly well when it runs again, as it may be about to.
    if (!known) report_to(c, e.what());
    else if (known->status >= 500) report_to(c, e.what(), log_level::info);
    if (known) {
      c.failed = true;
      c.failure = *std::move(known);
      return;
    }
  } catch (...) {
    report_to(c, "a handler threw something that is no std::exception");
  }
  if (c.late()) return fail_late(c);
  c.failed = true;
  c.failure = problem{500, "the server could not answer; the fault is its own"};
}

bool dispatcher::extract(call& c) const {
  const auto& info = c.route->handler.info();
  try {
    info.extract(c, c.arguments.room(info.pack_size, info.pack_alignment));
    c.arguments.made(info.discard);
  } catch (...) {
    note_exception(c);
  }
  if (c.taken) put_back(c);
  return !c.failed;
}

bool dispatcher::admit(call& c) const {
  try {
    guard_.check(guard_.context, c);
  } catch (...) {
    note_exception(c);
  }
  if (c.taken) put_back(c);
  return !c.failed;
}

bool dispatcher::take_limits(call& c, bool (limit_gate::*take)(call&) const) const {
  try {
    (limits_.*take)(c);
  } catch (...) {
    note_exception(c);
  }
  if (c.taken) put_back(c);
  if (c.failed) answer_failure(c);
  return !c.failed;
}

std::optional<outcome> dispatcher::limit(call& c, lane here) const {
  using stage = call::limiting;
  if (c.limit_stage == stage::begins) {
    c.limit_stage = stage::first_taken;
    if (!take_limits(c, &limit_gate::take_first)) return outcome::threw;
  }
  if (c.limit_stage == stage::done) return {};
  if (c.route->limit_lane > here) return hand_over(c, here, c.route->limit_lane);
  c.limit_stage = stage::done;
  if (!take_limits(c, &limit_gate::take_rest)) return outcome::threw;
  return {};
}

[[gnu::always_inline]] inline outcome dispatcher::invoke(call& c) const {
  try {
    c.route->handler.info().invoke(c.route->handler.callable(), c, c.arguments.memory());
  } catch (...) {
    put_back(c);
    note_exception(c);
    answer_failure(c);
    return outcome::threw;
  }
  if (c.taken) put_back(c);
  if (c.later) {
    c.coroutines->begin(c);
    return outcome::handed_over;
  }
  if (c.failed) answer_failure(c);
  else if (c.route->has_etag) add_etag(c);
  return outcome::answered;
}

void dispatcher::end_later(call& c, std::exception_ptr thrown) const noexcept {
  c.in_coroutine = false;
  if (thrown) {
    if (c.cancelled) {
      c.answer.clear();
      fail_late(c);  // if it was for the client that left, nobody reads this
    } else {
      try {
        std::rethrow_exception(std::move(thrown));
      } catch (...) {
        note_exception(c);
      }
    }
  }
  if (c.failed) answer_failure(c);
  else if (c.route->has_etag) add_etag(c);
}

outcome dispatcher::hand_over(call& c, lane here, lane to) const {
  const bool elsewhere = to == lane::work && c.route->own_workers;
  auto& runner = elsewhere ? *c.route->own_workers : *runners_[std::size_t(to)];
  if (here == lane::io && c.context->gathers && runner.wants_many() && !elsewhere) {
    c.context->gather(c, to);
    return outcome::handed_over;
  }
  if (runner.submit(c)) return outcome::handed_over;
  refuse_as_busy(c);
  return outcome::answered;
}

void dispatcher::hand_over_gathered(lane_context& context) const noexcept {
  for (std::size_t to = 0; to < lane_count; ++to) {
    auto* first = context.take_gathered(lane(to));
    if (!first) continue;
    for (auto* c = runners_[to]->submit_all(first); c;) {
      auto* next = c->next;
      refuse_as_busy(*c);
      if (auto* w = c->on_done(*c)) w->wake();
      c = next;
    }
  }
}

void dispatcher::refuse_as_busy(call& c) const {
  c.failed = true;
  c.failure = problem{503, "the server has more work than it takes on; try again"};
  c.failure.retry_after_seconds = 1;
  answer_failure(c);
}

void dispatcher::run_at_once(call& c) const {
  const aft::detail::working_for context(&c.origin);
  if (c.route->handler.info().extract && !extract(c)) answer_failure(c);
  else invoke(c);
}

outcome dispatcher::run(call& c) const {
  if (c.failed) answer_failure(c);
  if (c.answer.status) return outcome::answered;  // without a handler
  return resume(c, lane::io);
}

outcome dispatcher::resume(call& c, lane here) const {
  const auto& route = *c.route;
  const aft::detail::working_for context(&c.origin);
  if (here != lane::io && c.late()) {  // it has waited for so long
    fail_late(c);
    answer_failure(c);
    return outcome::threw;
  }
  if (!c.extracted) {
    if (route.is_limited) {
      if (const auto end = limit(c, here)) return *end;
    }
    if (route.extract_lane > here) return hand_over(c, here, route.extract_lane);
    c.extracted = true;
    if ((route.is_guarded && !admit(c)) || (route.handler.info().extract && !extract(c))) {
      answer_failure(c);
      return outcome::threw;  // nothing to keep of what an argument did
    }
    if (c.taker.taker) return outcome::answered;  // the session reads the body, and comes again
  }
  if (route.run_lane > here) return hand_over(c, here, route.run_lane);
  return invoke(c);
}

bool dispatcher::give_part(call& c, std::string_view part) const {
  try {
    c.taker.write(c.taker.taker, part);
    return true;
  } catch (...) {
    note_exception(c);
  }
  answer_failure(c);
  return false;
}

bool dispatcher::end_body(call& c) const {
  c.body_is_whole = true;
  try {
    if (c.taker.end) c.taker.end(c.taker.taker);
    return true;
  } catch (...) {
    note_exception(c);
  }
  answer_failure(c);
  return false;
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
