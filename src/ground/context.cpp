#include <aft/ground/context.hpp>

#include <algorithm>
#include <utility>

#include <aft/ground/random.hpp>

#include "current_context.hpp"

namespace aft {
namespace {

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_id(std::string_view text) {
  return is_lower_hex(text) && text.find_first_not_of('0') != text.npos;
}

std::string new_id(std::size_t bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string id;
  do {
    id.clear();
    for (const char c : random_bytes(bytes)) {
      const auto byte = static_cast<unsigned char>(c);
      id += digits[byte >> 4];
      id += digits[byte & 15];
    }
  } while (!is_id(id));
  return id;
}

}  // namespace

trace_context make_trace(bool sampled) { return {new_id(16), new_id(8), sampled}; }
trace_context next_span(const trace_context& of) { return {of.trace_id, new_id(8), of.sampled}; }

std::optional<trace_context> read_traceparent(std::string_view header) {
  constexpr std::size_t whole = 55;
  if (header.size() < whole || header[2] != '-' || header[35] != '-' || header[52] != '-') {
    return {};
  }
  const auto version = header.substr(0, 2), trace = header.substr(3, 32);
  const auto span = header.substr(36, 16), flags = header.substr(53, 2);
  if (!is_lower_hex(version) || version == "ff" || !is_lower_hex(flags)) return {};
  // Later versions may go on behind another dash.
  const bool ends = header.size() == whole || (version != "00" && header[whole] == '-');
  if (!ends || !is_id(trace) || !is_id(span)) return {};
  const auto last = flags[1];
  const int low = last >= 'a' ? last - 'a' + 10 : last - '0';
  return trace_context{std::string(trace), std::string(span), (low & 1) != 0};
}

std::string write_traceparent(const trace_context& trace) {
  return "00-" + trace.trace_id + "-" + trace.span_id + (trace.sampled ? "-01" : "-00");
}

const request_context* current_context() {
  auto* source = detail::current_source;
  return source ? &source->get() : nullptr;
}

void set_current_user(std::string_view id) {
  if (auto* source = detail::current_source) source->set_user(id);
}

context_scope::context_scope(request_context c)
    : context_scope(std::move(c),
                    detail::current_source ? detail::current_source->collector() : nullptr) {}
context_scope::context_scope(request_context c, detail::span_collector* spans)
    : context_(std::move(c)), before_(detail::current_source), spans_(spans) {
  detail::current_source = this;
}
context_scope::~context_scope() { detail::current_source = before_; }

}  // namespace aft
