#pragma once
// What a request or job spends its time on: the steps of its trace, for a collector of them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/context.hpp>
#include <aft/ground/time.hpp>

namespace aft {

enum class span_kind : std::uint8_t { internal = 1, server, client, producer, consumer };  // OTLP's

// {"db.system.name", "sqlite"}; the names are those of OpenTelemetry where it has one. Values are
// never secrets: no bodies, tokens, query strings or parameters of SQL.
struct span_attribute {
  span_attribute(std::string_view n, std::string_view v) : name(n), value(v) {}
  span_attribute(std::string_view n, std::int64_t v)
      : name(n), value(std::to_string(v)), is_integer(true) {}
  std::string name, value;
  bool is_integer = false;
};

// A step that is over.
struct ended_span {
  trace_context trace{};    // with its own span_id
  std::string parent_id{};  // empty: the trace began with it
  std::string name{};
  span_kind kind = span_kind::internal;
  time_point began{};
  duration took{};
  std::vector<span_attribute> attributes{};
  std::optional<std::string> failure{};  // why it failed
};

namespace detail {

// Who takes the spans of an app. Any thread.
class span_collector {
 public:
  virtual bool wants_new_trace() = 0;  // one that begins here
  virtual void take(ended_span&& s) noexcept = 0;
  virtual time_point now() const = 0;

 protected:
  ~span_collector() = default;
};

// Whether somebody wants what this thread does now.
bool is_traced();
// A part of it that is over; its trace, parent and beginning are set here.
void add_span(ended_span&& part);

}  // namespace detail

// A part of what the current request or job does, from here to the end of the block. Parts within
// it, its queries and its calls of other servers become children of it. Where nobody collects
// traces (see aft/traces.hpp), or not this one, it is nothing, and costs a look.
//   aft::span step("render the report");
//   step.note("report.rows", std::int64_t(rows.size()));
// Ends on its own thread, in the reverse order of others. Not across a co_await.
class span {
 public:
  explicit span(std::string_view name, span_kind kind = span_kind::internal);
  span(const span&) = delete;
  span& operator=(const span&) = delete;
  ~span();  // has failed, where an exception leaves the block

  explicit operator bool() const { return open_ != nullptr; }  // somebody collects it
  void note(std::string_view name, std::string_view value);
  void note(std::string_view name, std::int64_t value);
  void fail(std::string_view why);

 private:
  struct open_step;
  open_step* open_ = nullptr;
};

}  // namespace aft
