#pragma once
// Which request a thread works for, and the trace that it belongs to (W3C Trace Context).

#include <optional>
#include <string>
#include <string_view>

namespace aft {

// One step of a trace that may cross many programs.
struct trace_context {
  std::string trace_id{};  // 32 hexadecimal digits, lower case, not all zero
  std::string span_id{};   // 16 of them
  bool sampled = false;    // whether somebody wants its spans

  bool operator==(const trace_context&) const = default;
};

// A new trace, and a new step of one.
trace_context make_trace(bool sampled = false);
trace_context next_span(const trace_context& of);

// The value of a traceparent header. Nothing for what is not exactly one: wrong lengths, upper
// case, zeros alone, version ff (W3C Trace Context, section 3.2).
[[nodiscard]] std::optional<trace_context> read_traceparent(std::string_view header);
std::string write_traceparent(const trace_context& trace);  // "00-4bf9...-00f0...-01"

// Why something is done: for logs, jobs and calls to others.
struct request_context {
  std::string request_id{};
  trace_context trace{};
  std::string route{};    // "GET /notes/{id}", or the kind of a job; may be empty
  std::string user_id{};  // see set_current_user
};

// Of the request or job that this thread runs a handler of, or the innermost context_scope; null
// where there is none. Lives as long as that handler. A coroutine has it until it first waits; it
// asks request::context() instead.
const request_context* current_context();

// Who the current context's request is from, for what is logged from here on. Nothing happens where
// there is no context.
void set_current_user(std::string_view id);

namespace detail {
class span_collector;

// What gives a context once somebody wants it.
class context_source {
 public:
  virtual request_context& get() = 0;
  virtual void set_user(std::string_view id) { get().user_id = id; }
  virtual span_collector* collector() const { return nullptr; }  // null: nobody wants spans

 protected:
  ~context_source() = default;
};
}  // namespace detail

// Gives a thread of the host's a context for as long as this lives, on that thread. Scopes end in
// the reverse order.
class context_scope final : private detail::context_source {
 public:
  explicit context_scope(request_context c);
  context_scope(request_context c, detail::span_collector* spans);  // for the library's own rooms
  context_scope(const context_scope&) = delete;
  context_scope& operator=(const context_scope&) = delete;
  ~context_scope();

 private:
  request_context& get() override { return context_; }
  detail::span_collector* collector() const override { return spans_; }

  request_context context_;
  detail::context_source* before_;
  detail::span_collector* spans_;  // of the thread's context before, where none is given
};

}  // namespace aft
