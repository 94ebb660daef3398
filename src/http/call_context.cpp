#include "call_context.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include <aft/ground/random.hpp>
#include <aft/ground/span.hpp>

#include "call.hpp"
#include "dispatcher.hpp"
#include "ip_address.hpp"
#include "route_list.hpp"

namespace aft::http {
namespace {

constexpr std::size_t longest_id = 128;

// It goes into logs and headers, and to other programs.
bool is_request_id(std::string_view id) {
  return !id.empty() && id.size() <= longest_id && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("-_.:=+/@~").find(c) != std::string_view::npos;
  });
}

}  // namespace

aft::detail::span_collector* call_context::collector() const {
  return call_.owner ? call_.owner->spans : nullptr;
}

void call_context::make() {
  made_ = true;
  const auto& r = call_.incoming;
  const auto* client = request_access::client(r);
  const bool is_trusted = client && client->proxies && client->proxies->trusts(client->peer);
  const auto id = is_trusted ? r.header("X-Request-Id") : std::nullopt;
  context_.request_id = id && is_request_id(*id) ? std::string(*id) : random_token(16);
  const auto parent = r.header("traceparent");
  const auto trace = parent ? read_traceparent(*parent) : std::nullopt;
  context_.trace = trace ? next_span(*trace) : make_trace();
  parent_id_ = trace ? trace->span_id : std::string();
  auto* spans = collector();
  // Strangers do not decide what is kept.
  if (!is_trusted || !trace) context_.trace.sampled = spans && spans->wants_new_trace();
  context_.route.clear();
  if (call_.route) {
    context_.route.append(call_.route->method == method::other ? r.method_name()
                                                               : to_string(call_.route->method));
    context_.route.append(" ").append(call_.route->pattern);
  }
}

}  // namespace aft::http
