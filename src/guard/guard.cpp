#include "guard.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <aft/ground/context.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/query_string.hpp>

#include "../http/route_list.hpp"
#include "account_id.hpp"
#include "csrf.hpp"

namespace aft {
namespace {

constexpr auto touch_every = minutes(1);

bool holds_name(const std::vector<std::string>& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

problem not_signed_in() {
  problem p{401, "nobody is signed in"};
  p.code = "not_signed_in";
  return p;
}
problem not_allowed(std::string code, std::string detail) {
  problem p{403, std::move(detail)};
  p.code = std::move(code);
  return p;
}

std::string csrf_token_of(const request& r) {
  if (const auto line = r.header("X-CSRF-Token")) return std::string(*line);
  const auto type = r.header("Content-Type").value_or("");
  if (!type.starts_with("application/x-www-form-urlencoded")) return {};
  constexpr std::string_view field = "csrf_token=";
  const auto body = r.body();
  for (std::size_t at = 0; at < body.size();) {
    const auto end = std::min(body.find('&', at), body.size());
    const auto pair = body.substr(at, end - at);
    std::string token;
    if (pair.starts_with(field)) {
      return percent_decode(pair.substr(field.size()), token, true) ? token : std::string();
    }
    at = end + 1;
  }
  return {};
}

std::string_view bearer_of(const request& r) {
  const auto line = r.header("Authorization").value_or("");
  constexpr std::string_view scheme = "bearer ";
  if (line.size() <= scheme.size() || !equal_ignoring_case(line.substr(0, scheme.size()), scheme)) {
    return {};
  }
  return line.substr(scheme.size());
}

}  // namespace

bool guarding::is_safe(method m) {
  return m == method::get || m == method::head || m == method::options || m == method::query;
}

bool user::has_role(std::string_view role) const { return holds_name(roles, role); }
bool user::may(std::string_view permission) const { return holds_name(permissions, permission); }

sql_text rows_of(const user& u, const ownership& rule) {
  if (rule.owner.empty() && rule.tenant.empty()) {
    throw error("rows_of() without a column would be all rows");
  }
  sql_text q("(");
  if (!rule.tenant.empty()) q.add_name(rule.tenant).add("= $1", u.tenant);
  const bool all = std::any_of(rule.all_for.begin(), rule.all_for.end(),
                               [&](std::string_view role) { return u.has_role(role); });
  if (rule.owner.empty() || all) {
    if (rule.tenant.empty()) q.add("true");
  } else {
    if (!rule.tenant.empty()) q.add("and");
    q.add_name(rule.owner).add("= $1", u.id);
  }
  q.add(")");
  return q;
}

namespace detail {

std::optional<user> find_user(const guard& g, const request& r, reader& db) {
  return g.visitor_of(r, db)->who;
}

result<user, problem> need_user(const guard& g, const request& r, reader& db,
                                const argument_policy& policy) {
  const auto v = g.visitor_of(r, db);
  route_policy asked{policy.who};
  if (!policy.role.empty()) asked.roles.push_back({std::string(policy.role)});
  asked.fresh = policy.fresh;
  if (auto wrong = g.refusal(*v, asked)) return *std::move(wrong);
  return *v->who;
}

}  // namespace detail

guard::guard(accounts how) : options_(std::move(how)) {
  const auto is_path = [](const std::string& path) {
    return path.size() > 1 && path.front() == '/' && path.back() != '/';
  };
  if (!is_path(options_.api) || (!options_.pages.empty() && !is_path(options_.pages))) {
    throw configuration_error("accounts: api and pages must look like \"/account\"");
  }
  if (!options_.pepper.key.empty() && options_.pepper.key.size() < 32) {
    throw configuration_error("accounts: a pepper has at least 32 bytes");
  }
  const bool is_url = options_.site.starts_with("https://") || options_.site.starts_with("http://");
  if (options_.on_message && !is_url) {
    throw configuration_error(
        "accounts: messages hold links, so site must say where the pages are, such as "
        "\"https://notes.example.org\"");
  }
  while (options_.site.ends_with('/')) options_.site.pop_back();
  if (!options_.site_name.empty()) options_.passwords.context.push_back(options_.site_name);
  if (options_.second_factor_keys) {
    auto& issuer = options_.second_factor.issuer;
    if (issuer.empty()) issuer = options_.site_name;
    if (issuer.empty()) {
      throw configuration_error("accounts: an authenticator app shows site_name, so give one");
    }
    second_factor_.emplace(*options_.second_factor_keys, options_.second_factor);
  }
  if (!options_.api_keys.empty()) keys_.emplace(options_.api_keys);
}

user guard::user_of(const auth::found_session& s) const {
  user u{s.who.id, s.who.email, s.who.verified_at.has_value(), s.who.roles, {}, s.who.tenant,
         s.of.id,  s.fresh};
  u.permissions = permissions_of(u.roles);
  return u;
}

std::vector<std::string> guard::permissions_of(const std::vector<std::string>& roles) const {
  std::vector<std::string> all;
  for (const auto& role : roles) {
    const auto found = options_.permissions.find(role);
    if (found == options_.permissions.end()) continue;
    all.insert(all.end(), found->second.begin(), found->second.end());
  }
  return all;
}

// What the key was given, as far as its owner still has it.
guarding::visitor guard::find_by_key(reader& db, std::string_view token) const {
  const auto as_of = streams_->moment();
  const auto key = keys_->find(db, token);
  if (!key) return {};
  auto who = auth::find_account(db, guarding::account_of(key->subject));
  if (!who || who->disabled) return {};
  user u{.id = who->id,
         .email = std::move(who->email),
         .verified = who->verified_at.has_value(),
         .tenant = who->tenant};
  for (auto& permission : permissions_of(who->roles)) {
    if (key->allows(permission)) u.permissions.push_back(std::move(permission));
  }
  if (!key->last_used_at || db.now() - *key->last_used_at >= touch_every) {
    submit([used = *key](transaction& tx) { api_keys::note_use(tx, used); });
  }
  return {.who = std::move(u), .account = who->id, .api_key = key->id, .as_of = as_of};
}

result<user, problem> guard::need_owner(const request& r, reader& db,
                                        const argument_policy& policy) const {
  auto found = detail::need_user(*this, r, db, policy);
  if (found && !found->session) {
    return not_allowed("session_needed", "this is for who has logged in, not for a key");
  }
  return found;
}

guarding::visitor guard::find_visitor(const request& r, reader& db) const {
  if (const auto token = bearer_of(r); !token.empty()) {
    guarding::visitor v;
    if (keys_) v = find_by_key(db, token);
    if (!v.who && options_.bearer) v.who = options_.bearer(db, token);
    return v;
  }
  const auto token = r.cookie(session_cookie());
  if (!token) return {};
  const auto as_of = streams_->moment();
  const auto found = auth::find_session(db, *token, options_.sessions);
  if (!found) return {};
  touch(found->of, db.now());
  guarding::visitor v;
  v.as_of = as_of;
  v.by_cookie = true;
  v.session = found->of.id;
  v.account = found->who.id;
  v.awaits_second = found->of.awaits_second;
  if (!v.awaits_second) v.who = user_of(*found);
  return v;
}

std::shared_ptr<const guarding::visitor> guard::visitor_of(const request& r, reader& db) const {
  auto* kept = http::request_access::visitor(r);
  if (kept && *kept) return std::static_pointer_cast<const guarding::visitor>(*kept);
  auto found = std::make_shared<const guarding::visitor>(find_visitor(r, db));
  if (found->who) set_current_user(std::to_string(found->who->id));
  if (kept) *kept = found;
  return found;
}

// Not on this thread, which may be an event loop; if it fails, the next request tries again.
void guard::touch(const auth::session& s, time_point now) const {
  if (now - s.seen_at < touch_every) return;
  submit([id = s.id, now](transaction& tx) { auth::touch_session(tx, id, now); });
}
void guard::submit(function<void(transaction&)> work) const {
  try {
    db_->submit(std::move(work), [](std::exception_ptr) {}, {.low_priority = true});
  } catch (const storage_error&) {}  // a full queue
}

std::optional<problem> guard::refusal(const guarding::visitor& v,
                                      const route_policy& policy) const {
  if (policy.who != admission::signed_in) return {};
  if (v.awaits_second) {
    auto p = not_signed_in();
    p.detail = "the second factor is missing";
    p.code = "second_factor_needed";
    return p;
  }
  if (!v.who) return not_signed_in();
  if (!admits(policy, true, v.who->roles, v.who->permissions)) {
    return not_allowed("not_allowed", "who is signed in may not do this");
  }
  if (policy.fresh && !v.who->fresh) {
    return not_allowed("reauthenticate", "this needs the password again");
  }
  return {};
}

void guard::check_csrf(http::call& c) const {
  const bool safe = guarding::is_safe(c.incoming.method());
  if (safe && !c.head.upgrades) return;
  if (c.head.access == http::access_verdict::known_origin && !origins_have_credentials_) {
    throw not_allowed("cross_site", "a page of another origin may not do this");
  }
  if (!options_.csrf_tokens || safe) return;
  if (!guarding::is_csrf_token(csrf_token_of(c.incoming),
                               c.incoming.cookie(session_cookie()).value_or(""))) {
    throw not_allowed("csrf_token", "the token of the form is missing or too old; load it again");
  }
}

void guard::check(http::call& c, reader& db) const {
  const auto v = visitor_of(c.incoming, db);
  if (auto wrong = refusal(*v, c.route->policy)) throw *std::move(wrong);
  if (v->by_cookie) check_csrf(c);
}

void guard::hold(http::call& c) const {
  const auto& v = *static_cast<const guarding::visitor*>(c.visitor.get());
  if (!v.who) return;
  const auto token = c.incoming.cookie(session_cookie());
  if (v.by_cookie && token) streams_->hold(c, {auth::session_key(*token)}, v.as_of);
  else if (v.api_key) streams_->hold(c, {.api_key = v.api_key}, v.as_of);
}

std::string guard::cookie(std::string_view name, std::string_view value, duration age) const {
  return fmt::format("{}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{}", name, value,
                     age.in_seconds(), options_.secure_cookies ? "; Secure" : "");
}
std::string guard::set_session(std::string_view token) const {
  return cookie(session_cookie(), token, options_.sessions.absolute);
}
std::string guard::set_device(std::string_view token) const {
  return cookie(device_cookie(), token, days(400));
}
std::string guard::clear_session() const { return cookie(session_cookie(), "", {}); }
std::string guard::set_login(std::string_view sealed) const {
  return cookie(login_cookie(), sealed, hours(1));  // the client says when it is too old
}
std::string guard::clear_login() const { return cookie(login_cookie(), "", {}); }

}  // namespace aft
