#include <aft/ground/span.hpp>

#include <chrono>
#include <exception>
#include <utility>

#include "current_context.hpp"

namespace aft {
namespace detail {
namespace {

// Of this thread, where its trace is collected.
context_source* traced_source() {
  auto* source = current_source;
  if (!source || !source->collector() || !source->get().trace.sampled) return nullptr;
  return source;
}

}  // namespace

bool is_traced() { return traced_source() != nullptr; }

void add_span(ended_span&& part) {
  auto* source = traced_source();
  if (!source) return;
  auto& to = *source->collector();
  const auto& around = source->get().trace;
  part.trace = next_span(around);
  part.parent_id = around.span_id;
  part.began = to.now() - part.took;
  to.take(std::move(part));
}

}  // namespace detail

struct span::open_step {
  detail::context_source& source;
  ended_span what;
  int thrown_before = std::uncaught_exceptions();
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
};

span::span(std::string_view name, span_kind kind) {
  auto* source = detail::traced_source();
  if (!source) return;
  auto& trace = source->get().trace;
  ended_span what{.trace = next_span(trace),
                  .parent_id = trace.span_id,
                  .name = std::string(name),
                  .kind = kind,
                  .began = source->collector()->now()};
  trace.span_id = what.trace.span_id;
  open_ = new open_step{*source, std::move(what)};
}

span::~span() {
  if (!open_) return;
  auto& what = open_->what;
  const auto took = std::chrono::steady_clock::now() - open_->began;
  what.took = microseconds(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  if (!what.failure && std::uncaught_exceptions() > open_->thrown_before) {
    what.failure.emplace("it threw");
  }
  open_->source.get().trace.span_id = what.parent_id;
  open_->source.collector()->take(std::move(what));
  delete open_;
}

void span::note(std::string_view name, std::string_view value) {
  if (open_) open_->what.attributes.emplace_back(name, value);
}
void span::note(std::string_view name, std::int64_t value) {
  if (open_) open_->what.attributes.emplace_back(name, value);
}
void span::fail(std::string_view why) {
  if (open_) open_->what.failure.emplace(why);
}

}  // namespace aft
