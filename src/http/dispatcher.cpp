#include "dispatcher.hpp"

#include "../ground/current_context.hpp"
#include "compression.hpp"
#include "entity_tag.hpp"

namespace aft::http {

dispatcher::dispatcher(const logger& log, problem_writer on_problem, access_policy access,
                       const compression_options& compression)
    : log_(log), on_problem_(std::move(on_problem)), access_(std::move(access)), limits_(log),
      compression_(compression) {
  check_compression(compression_);
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

}  // namespace aft::http
