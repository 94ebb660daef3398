#include "otlp.hpp"

#include <cstdint>

#include "../http/document_writer.hpp"

namespace aft {
namespace {

using http::document_writer;

void write_attribute(document_writer& out, const span_attribute& a) {
  out.open('{');
  out.member("key", a.name);
  out.open("value", '{');
  out.member(a.is_integer ? "intValue" : "stringValue", a.value);
  out.close('}');
  out.close('}');
}

std::string nanoseconds(time_point t) {
  return std::to_string(t.since_1970().in_microseconds()) + "000";
}

void write_span(document_writer& out, const ended_span& s) {
  out.open('{');
  out.member("traceId", s.trace.trace_id);
  out.member("spanId", s.trace.span_id);
  out.member_unless_empty("parentSpanId", s.parent_id);
  out.member("name", s.name);
  out.name("kind");
  out.raw(std::to_string(int(s.kind)));
  out.member("startTimeUnixNano", nanoseconds(s.began));
  out.member("endTimeUnixNano", nanoseconds(s.began + s.took));
  out.open("attributes", '[');
  for (const auto& a : s.attributes) write_attribute(out, a);
  out.close(']');
  if (s.failure) {
    out.open("status", '{');
    out.name("code");
    out.raw("2");
    out.member("message", *s.failure);
    out.close('}');
  }
  out.close('}');
}

}  // namespace

std::string write_otlp(std::span<const ended_span> spans, std::string_view service) {
  document_writer out;
  out.open('{');
  out.open("resourceSpans", '[');
  out.open('{');
  out.open("resource", '{');
  out.open("attributes", '[');
  write_attribute(out, {"service.name", service});
  write_attribute(out, {"telemetry.sdk.name", std::string_view("aft")});
  write_attribute(out, {"telemetry.sdk.language", std::string_view("cpp")});
  out.close(']');
  out.close('}');
  out.open("scopeSpans", '[');
  out.open('{');
  out.open("scope", '{');
  out.member("name", "aft");
  out.close('}');
  out.open("spans", '[');
  for (const auto& s : spans) write_span(out, s);
  out.close(']');
  out.close('}');
  out.close(']');
  out.close('}');
  out.close(']');
  out.close('}');
  return std::string(out.view());
}

}  // namespace aft
