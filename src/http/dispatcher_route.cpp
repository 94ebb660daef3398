// Which route a request takes, and the answers to those that may take none: to strangers to this
// host, to paths and methods that are not served, and to plain HTTP where it is to be HTTPS.

#include "dispatcher.hpp"

#include <string>

#include <fmt/format.h>

#include "token_gate.hpp"

namespace aft::http {
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
  if (!send_to_other_slash(c)) c.fail(404, "no such path");
}

// To the same path with a slash more or less at its end, if there is a route.
bool dispatcher::send_to_other_slash(call& c) const {
  auto& segments = c.segments;
  const bool slash = segments.text[segments.count - 1].empty();
  // A browser takes a backslash for a slash, and "//" for another host.
  const bool ambiguous = segments.has_empty || c.head.target.find('\\') != std::string_view::npos;
  if (ambiguous || segments.count <= unsigned(slash) || segments.count >= path_segments::max) {
    return false;
  }
  route_tree::match other;
  if (slash) --segments.count;
  else segments.text[segments.count] = {}, segments.raw[segments.count++] = segments.end;
  tree_.find(c.head.method, segments, other);
  if (other.route == route_tree::none || (other.has_rest && !slash)) return false;
  std::string location(c.head.target.substr(0, c.head.path_length));
  if (slash) location.pop_back();
  else location += '/';
  location += c.head.target.substr(c.head.path_length);
  c.answer.status = 308;
  add_header(c.answer, "Location", location);
  return true;
}

}  // namespace aft::http
