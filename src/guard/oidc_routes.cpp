#include "oidc_routes.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <aft/ground/error.hpp>
#include <aft/ground/query_string.hpp>

#include "page_text.hpp"
#include "provider_login.hpp"

namespace aft::guarding {
namespace {

struct return_query {
  std::string return_to;
  static void rules(rules<return_query>& r) { r.ignore_unknown(); }
};

problem refused_elsewhere(oidc_refusal why) {
  const bool is_theirs = why == oidc_refusal::provider_down || why == oidc_refusal::provider_wrong;
  problem p{is_theirs ? 502 : 403, "the log-in elsewhere did not succeed; begin it again",
            "login_elsewhere"};
  if (why == oidc_refusal::no_login) p.detail = "that log-in is too old; begin it again";
  if (why == oidc_refusal::denied) p.detail = "the provider did not let you in";
  return p;
}

// It begins where somebody of ours wants it, or at the address bar; no other page begins it.
bool is_begun_by_another_site(const request& r) {
  const auto site = r.header("Sec-Fetch-Site").value_or("none");
  return site != "same-origin" && site != "none";
}

// One provider's part. Any thread; const.
class oidc_door {
 public:
  oidc_door(const guard& g, const account_service& service, const login_provider& of)
      : guard_(g), service_(service), client_(*of.client) {}

  response begin(const request& r) const {
    if (is_begun_by_another_site(r)) throw problem{403, "a page of another site may not do this"};
    const auto asked = query_string::read<return_query>(r.query());
    if (!asked) throw bad_request("the query is malformed");
    const auto& options = guard_.options();
    const auto login = start(asked->return_to.empty() ? options.after_login : asked->return_to);
    if (!login) return refuse(refused_elsewhere(login.reason()));
    auto answer = redirect(login->url);
    answer.headers.emplace_back("Set-Cookie", guard_.set_login(login->cookie));
    answer.headers.emplace_back("Cache-Control", "no-store");
    return answer;
  }

  response end(const request& r) const {
    const auto who = client_.finish(r.query(), r.cookie(guard_.login_cookie()).value_or(""));
    if (!who) return refuse(refused_elsewhere(who.reason()));
    auto in =
        guard_.db().write([&](transaction& tx) { return service_.elsewhere().enter(r, *who, tx); });
    if (!in) return refuse(std::move(in).reason());
    const auto& pages = guard_.options().pages;
    auto answer =
        redirect(in->awaits_second && !pages.empty() ? pages + "/second" : who->return_to);
    for (auto& cookie : cookies_of(guard_, *in)) {
      answer.headers.emplace_back("Set-Cookie", std::move(cookie));
    }
    answer.headers.emplace_back("Set-Cookie", guard_.clear_login());
    answer.headers.emplace_back("Cache-Control", "no-store");
    return answer;
  }

 private:
  result<oidc_login, oidc_refusal> start(const std::string& return_to) const {
    try {
      return client_.begin(return_to);
    } catch (const configuration_error&) {
      throw;
    } catch (const error& e) {
      throw bad_request(e.what());
    }
  }

  // Those who come are people: they see a page where there are some.
  response refuse(problem p) const {
    const auto& options = guard_.options();
    if (options.pages.empty()) throw p;
    auto shown = page(options, "Log in",
                      fmt::format("<p><a href=\"{}/login\">Log in</a></p>", escaped(options.pages)),
                      p.detail, p.status);
    shown.headers.emplace_back("Set-Cookie", guard_.clear_login());
    return shown;
  }

  const guard& guard_;
  const account_service& service_;
  const oidc_client& client_;
};

void check_provider(const login_provider& p) {
  const bool is_name = !p.name.empty() && std::all_of(p.name.begin(), p.name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (is_name && p.client) return;
  throw configuration_error(
      "accounts: a provider has a client, and a name of lower-case letters, digits and hyphens");
}

std::string path_of(const accounts& options, const login_provider& p) {
  return fmt::format("{}/oidc/{}", options.api, p.name);
}

}  // namespace

void add_oidc_routes(routes& app, const guard& g, const account_service& service) {
  for (const auto& provider : g.options().providers) {
    check_provider(provider);
    const oidc_door door(g, service, provider);
    auto open = app.group(path_of(g.options(), provider), "accounts").allow_anyone();
    open.get("/login", blocking([door](const request& r) { return door.begin(r); }))
        .summary("Log in with an account elsewhere")
        .operation_id("login_" + provider.name)
        .answers(502, "The provider does not answer.");
    open.get("/callback", blocking([door](const request& r) { return door.end(r); })).hidden();
  }
}

std::string provider_links(const accounts& options) {
  std::string links;
  for (const auto& p : options.providers) {
    links += fmt::format("<p><a href=\"{}/login\">Log in with {}</a></p>",
                         escaped(path_of(options, p)), escaped(p.label.empty() ? p.name : p.label));
  }
  return links;
}

}  // namespace aft::guarding
