#include <fmt/format.h>

#include <aft/ground/query_string.hpp>
#include <aft/ground/text.hpp>

#include "account_routes.hpp"
#include "oidc_routes.hpp"
#include "page_desk.hpp"

namespace aft::guarding {
namespace {

const field_text email_input{"email", "E-mail address", "email", "username"};
const field_text password_input{"password", "Password", "password", "current-password"};
const field_text new_password_input{"password", "New password", "password", "new-password"};

class account_pages : public page_desk {
 public:
  using page_desk::page_desk;

  response login(std::string email = {}, const problem& p = {200}) const {
    auto who = email_input;
    who.value = std::move(email);
    std::string more;
    if (options().registration) more += link("register", "Make an account");
    if (service().news().has_messages()) more += link("forgot", "I do not know my password");
    return again(show("Log in",
                      form(at("login"), input(who) + input(password_input), "Log in") +
                          provider_links(options()) + more,
                      p.detail, p.status),
                 p);
  }
  response enter(const request& r) const {
    const auto f = read(r);
    const auto in = service().log_in(r, f.email, f.password);
    if (!in) return login(f.email, in.reason());
    return go(in->awaits_second ? at("second") : options().after_login, cookies_of(of(), *in));
  }
  response registration(std::string email = {}, const problem& p = {200}) const {
    auto who = email_input;
    who.value = std::move(email);
    return again(show("Make an account",
                      form(at("register"), input(who) + input(new_password_input), "Register") +
                          link("login", "I have one"),
                      p.detail, p.status),
                 p);
  }
  response register_account(const request& r) const {
    const auto f = read(r);
    if (!is_email(f.email)) return registration(f.email, {422, "that is no e-mail address"});
    if (auto wrong = service().register_account(r, f.email, f.password)) {
      return registration(f.email, *wrong);
    }
    if (!service().news().has_messages()) return go(at("login"));
    return show("Look into your mail", "<p>We have sent a message to that address.</p>");
  }

  response confirm_page(std::string_view token) const {
    return show("Confirm your address", form(at("confirm"), hidden("token", token), "Confirm"));
  }
  response confirm(const request& r, transaction& tx) const {
    if (auto wrong = service().confirm(r, read(r).token, tx)) {
      return show("Confirm your address", link("login", "Log in"), wrong->detail, wrong->status);
    }
    return show("Confirmed", link("login", "Log in"));
  }

  response forgot(const problem& p = {200}) const {
    return again(
        show("Choose a new password", form(at("forgot"), input(email_input), "Send me a message"),
             p.detail, p.status),
        p);
  }
  response send_reset(const request& r, transaction& tx) const {
    if (auto wrong = service().forgot_password(r, read(r).email, tx)) return forgot(*wrong);
    return show("Look into your mail",
                "<p>If there is an account with that address, we have sent a message.</p>");
  }
  response reset_page(std::string_view token, const problem& p = {200}) const {
    return again(show("Choose a new password",
                      form(at("reset"), hidden("token", token) + input(new_password_input), "Save"),
                      p.detail, p.status),
                 p);
  }
  response reset(const request& r) const {
    const auto f = read(r);
    if (auto wrong = service().reset_password(r, f.token, f.password)) {
      return reset_page(f.token, *wrong);
    }
    return show("The new password is saved", link("login", "Log in"));
  }

  response overview(const request& r, const user& me, reader& db, const problem& p = {200}) const {
    const auto token = csrf(r);
    std::string list;
    for (const auto& s : auth::list_sessions(db, me.id, options().sessions)) {
      const auto what =
          fmt::format("{} from {}, seen {}", s.device.empty() ? "Unknown" : s.device,
                      s.address.empty() ? "here" : s.address, to_rfc3339(s.seen_at).substr(0, 10));
      list += fmt::format(
          "<li>{} {}</li>", escaped(what),
          s.id == me.session
              ? "(this one)"
              : form(at("sessions"), token + hidden("session", std::to_string(s.id)), "End"));
    }
    std::string more;
    if (of().second_factor()) more += link("second-factor", "Second factor");
    if (of().keys()) more += link("keys", "API keys");
    const field_text current{"current", "Present password", "password", "current-password"};
    return again(
        show("Your account",
             fmt::format("<p>{}</p>{}<h2>Password</h2>{}<h2>Where you are signed in</h2>"
                         "<ul>{}</ul>{}{}",
                         escaped(me.email), form(at("logout"), token, "Log out"),
                         form(at("password"), token + input(current) + input(new_password_input),
                              "Change the password"),
                         list, form(at("sessions"), token, "End all others"), more),
             p.detail, p.status),
        p);
  }

  // The password once more, and back to where it is needed.
  response prove_page(const request& r, std::string_view next, const problem& p = {200}) const {
    return again(
        show("Your password, please",
             form(at("again"),
                  csrf(r) + hidden("next", next) +
                      input({"current", "Present password", "password", "current-password"}),
                  "Go on"),
             p.detail, p.status),
        p);
  }
  response prove_password(const request& r, const user& me) const {
    const auto f = read(r);
    const auto in = service().reauthenticate(r, me, f.current);
    if (!in) return prove_page(r, f.next, in.reason());
    const bool known = f.next == "second-factor" || f.next == "keys";
    return go(at(known ? f.next : ""), cookies_of(of(), *in));
  }

  static bool is_email(const std::string& text) {
    aft::email checked;
    field_error wrong;
    return read_text(text, &checked, type_of<aft::email>(), nullptr, wrong);
  }
};

}  // namespace

void add_account_pages(routes& app, const guard& g, const account_service& service) {
  const account_pages p(g, service);
  const auto all = app.group(g.options().pages, "pages");
  auto open = all.allow_anyone();
  open.get("/style.css",
           [&g] {
             return response{200, page_style(g.options()), "text/css; charset=utf-8", {}};
           })
      .hidden();
  open.get("/login", [p] { return p.login(); }).hidden();
  open.post("/login", blocking([p](const request& r) { return p.enter(r); })).hidden();
  if (g.options().registration) {
    open.get("/register", [p] { return p.registration(); }).hidden();
    open.post("/register", blocking([p](const request& r) { return p.register_account(r); }))
        .hidden();
  }
  if (service.news().has_messages()) {
    open.get("/confirm", [p](query<page_query> q) { return p.confirm_page(q->token); }).hidden();
    open.post("/confirm", [p](const request& r, transaction& tx) { return p.confirm(r, tx); })
        .hidden();
    open.get("/forgot", [p] { return p.forgot(); }).hidden();
    open.post("/forgot", [p](const request& r, transaction& tx) { return p.send_reset(r, tx); })
        .hidden();
    open.get("/reset", [p](query<page_query> q) { return p.reset_page(q->token); }).hidden();
    open.post("/reset", blocking([p](const request& r) { return p.reset(r); })).hidden();
  }
  open.get("/", [p](const request& r, const optional_user& me,
                    reader& db) { return me ? p.overview(r, *me, db) : p.go(p.at("login")); })
      .hidden();
  auto own = all.require_user();
  own.post("/logout",
           [p, &g, &service](const request& r, transaction& tx) {
             service.log_out(r, tx);
             return p.go(p.at("login"), {g.clear_session()});
           })
      .hidden();
  own.post("/password",
           blocking([p, &g, &service](const request& r, const account_owner& me, database& db) {
             const auto f = p.read(r);
             auto in = service.change_password(r, me, f.current, f.password);
             if (in) return p.go(g.options().pages, cookies_of(g, *in));
             return db.read([&](reader& view) { return p.overview(r, me, view, in.reason()); });
           }))
      .hidden();
  own.post("/sessions",
           [p, &g](const request& r, const account_owner& me, transaction& tx) {
             const auto f = p.read(r);
             if (f.session) auth::end_session(tx, me.id, f.session);
             else auth::end_sessions(tx, me.id, me.session);
             return p.go(g.options().pages);
           })
      .hidden();
  open.get("/again",
           [p](const request& r, query<page_query> q) { return p.prove_page(r, q->next); })
      .hidden();
  own.post("/again", blocking([p](const request& r, const account_owner& me) {
             return p.prove_password(r, me);
           }))
      .hidden();
  add_second_step_pages(all, p);
  add_second_factor_pages(all, p);
  add_api_key_pages(all, p);
}

}  // namespace aft::guarding
