#include "token_gate.hpp"

#include <algorithm>
#include <utility>

#include "../ground/html.hpp"
#include "access.hpp"

namespace aft::http {
namespace {

constexpr std::string_view cookie_name = "aft_page";
constexpr std::string_view ticket_query = "?aft_token=";
constexpr duration ticket_life = minutes(1);
constexpr std::size_t most_tickets = 64;

}  // namespace

std::string token_gate::token() const {
  std::lock_guard lock(mutex_);
  return known_.token;
}

std::string token_gate::page_host() const {
  std::lock_guard lock(mutex_);
  return known_.page_host;
}

void token_gate::renew() {
  secrets made;
  std::lock_guard lock(mutex_);
  known_ = std::move(made);
}

std::string token_gate::make_ticket(std::string path) {
  auto word = random_token();
  std::lock_guard lock(mutex_);
  auto& tickets = known_.tickets;
  if (tickets.size() == most_tickets) tickets.erase(tickets.begin());
  tickets.push_back({word, std::move(path), time_.now() + ticket_life});
  return word;
}

std::optional<std::string> token_gate::redeem(std::string_view word) {
  const auto now = time_.now();
  std::lock_guard lock(mutex_);
  auto& tickets = known_.tickets;
  std::erase_if(tickets, [&](const ticket& t) { return t.until < now; });
  const auto found = std::find_if(tickets.begin(), tickets.end(), [&](const ticket& t) {
    return equal_in_constant_time(t.word, word);
  });
  if (found == tickets.end()) return {};
  auto path = std::move(found->path);
  tickets.erase(found);
  return path;
}

std::string token_gate::cookie() const {
  std::lock_guard lock(mutex_);
  return known_.cookie;
}

bool token_gate::is_known(const call& c) const {
  constexpr std::string_view scheme = "Bearer ";
  const auto credentials = c.head.value(known::authorization);
  std::lock_guard lock(mutex_);
  if (equal_ignoring_case(credentials.substr(0, scheme.size()), scheme) &&
      equal_in_constant_time(credentials.substr(scheme.size()), known_.token)) {
    return true;
  }
  // A browser sends the cookie for pages of other servers at this host too, which may not use it.
  if (!c.head.has(known::cookie) || c.head.access != access_verdict::own) return false;
  return equal_in_constant_time(c.incoming.cookie(cookie_name).value_or(""), known_.cookie);
}

bool token_gate::is_at_page_host(const call& c) const {
  const auto host = c.head.authority.empty() ? c.head.value(known::host) : c.head.authority;
  return equal_ignoring_case(host_name(host), page_host());
}

bool token_gate::lets_in(call& c) {
  const auto query = c.head.target.substr(c.head.path_length);
  if (query.starts_with(ticket_query) && c.head.method == method::get && is_at_page_host(c)) {
    if (const auto path = redeem(query.substr(ticket_query.size()))) {
      // On to an address that holds no secret, as a step of this page's own: the cookie is not sent
      // where a redirection goes to that began in another's page.
      c.answer.status = 200;
      c.answer.content_type = "text/html; charset=utf-8";
      c.answer.body.append("<!doctype html><meta http-equiv=\"refresh\" content=\"0;url=" +
                           detail::html_text(*path) + "\">");
      add_header(c.answer, "Set-Cookie",
                 std::string(cookie_name) + "=" + cookie() + "; Path=/; HttpOnly; SameSite=Strict");
      add_header(c.answer, "Cache-Control", "no-store");
      return false;
    }
  }
  if (is_known(c)) return true;
  c.fail(401, "this needs the token of the program that answers here");
  return false;
}

}  // namespace aft::http
