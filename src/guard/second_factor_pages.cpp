#include <fmt/format.h>

#include <aft/auth/recovery_codes.hpp>

#include "page_desk.hpp"

namespace aft::guarding {
namespace {

const field_text code_input{"code", "Code", "text", "one-time-code"};

class second_factor_pages {
 public:
  explicit second_factor_pages(const page_desk& p) : p_(p) {}

  // ---- while one logs in

  response step(const problem& why = {200}) const {
    return p_.again(
        p_.show("One more step",
                "<p>Type the code that your authenticator app shows, or one of your recovery "
                "codes.</p>" +
                    form(p_.at("second"), input(code_input), "Go on") +
                    p_.link("login", "Log in as somebody else"),
                why.detail, why.status),
        why);
  }
  response enter(const request& r, transaction& tx) const {
    const auto in = p_.service().second().enter(r, p_.read(r).code, tx);
    if (in) return p_.go(p_.options().after_login, cookies_of(p_.of(), *in));
    if (in.reason().code == "not_signed_in") return p_.go(p_.at("login"));
    return step(in.reason());
  }

  // ---- afterwards

  response overview(const request& r, const user& me, reader& db,
                    const problem& why = {200}) const {
    const auto who = own(me);
    std::string content;
    if (totp::is_on(db, who.subject)) {
      const auto code = p_.csrf(r) + input(code_input);
      content = fmt::format(
          "<p>Your log-in asks for a code of your authenticator app. Of your recovery codes {} are "
          "left.</p><h2>New recovery codes</h2>{}<h2>Do without it</h2>{}",
          recovery_codes_left(db, who.subject),
          form(p_.at("second-factor/codes"), code, "Make new codes"),
          form(p_.at("second-factor/off"), code, "Remove the second factor"));
    } else {
      content =
          "<p>With a second factor, your password alone lets nobody in: the log-in also asks for a "
          "code that an app on your telephone shows.</p>" +
          form(p_.at("second-factor/begin"), p_.csrf(r), "Set it up");
    }
    return p_.again(
        p_.show("Second factor", content + p_.link("", "Your account"), why.detail, why.status),
        why);
  }

  response begin(const request& r, const user& me, transaction& tx) const {
    const auto setup = desk().begin_totp(tx, *p_.of().second_factor(), own(me));
    if (!setup) return overview(r, me, tx, setup.reason());
    return show_setup(r, *setup);
  }
  response confirm(const request& r, const user& me, transaction& tx) const {
    const auto f = p_.read(r);
    const auto codes = desk().confirm_totp(tx, r, *p_.of().second_factor(), own(me), f.code);
    if (codes) return show_codes(*codes);
    return overview(r, me, tx, codes.reason());
  }
  response new_codes(const request& r, const user& me, transaction& tx) const {
    const auto f = p_.read(r);
    const auto codes = desk().new_codes(tx, r, *p_.of().second_factor(), own(me), f.code);
    if (codes) return show_codes(*codes);
    return overview(r, me, tx, codes.reason());
  }
  response remove(const request& r, const user& me, transaction& tx) const {
    const auto f = p_.read(r);
    if (auto wrong = desk().remove_totp(tx, r, *p_.of().second_factor(), own(me), f.code)) {
      return overview(r, me, tx, *wrong);
    }
    return p_.go(p_.at("second-factor"));
  }

  response look(const request& r, const optional_user& me, reader& db) const {
    if (!me) return p_.go(p_.at("login"));
    return me->fresh ? overview(r, *me, db) : p_.prove("second-factor");
  }

  // A handler of a form, for who has shown the password a short while ago.
  using form_handler = response (second_factor_pages::*)(const request&, const user&,
                                                         transaction&) const;
  auto action(form_handler act) const {
    return [p = *this, act](const request& r, const account_owner& me, transaction& tx) {
      return me.fresh ? (p.*act)(r, me, tx) : p.p_.prove("second-factor");
    };
  }

 private:
  const auth::credential_desk& desk() const { return p_.service().credentials().desk(); }
  credential_owner own(const user& me) const { return p_.service().credentials().owner(me); }

  response show_setup(const request& r, const totp_setup& setup) const {
    return p_.show(
        "Set up the second factor",
        fmt::format("<p>Add this to your authenticator app, by <a href=\"{}\">this link</a> on the "
                    "telephone, or by typing:</p><p><code>{}</code></p>{}",
                    escaped(setup.url), escaped(setup.secret),
                    form(p_.at("second-factor/confirm"), p_.csrf(r) + input(code_input),
                         "Confirm with its code")));
  }
  response show_codes(const std::vector<std::string>& codes) const {
    std::string list;
    for (const auto& code : codes) list += fmt::format("<li><code>{}</code></li>", escaped(code));
    return p_.show("Your recovery codes",
                   "<p>Each of them lets you in once without your telephone. Keep them in a safe "
                   "place; they are not shown again.</p><ul>" +
                       list + "</ul>" + p_.link("", "Your account"));
  }

  const page_desk p_;
};

}  // namespace

void add_second_step_pages(const routes& all, const page_desk& desk) {
  if (!desk.of().second_factor()) return;
  const second_factor_pages p(desk);
  auto open = all.allow_anyone();
  open.get("/second", [p] { return p.step(); }).hidden();
  open.post("/second", [p](const request& r, transaction& tx) { return p.enter(r, tx); }).hidden();
}

void add_second_factor_pages(const routes& all, const page_desk& desk) {
  if (!desk.of().second_factor()) return;
  const second_factor_pages p(desk);
  all.allow_anyone()
      .get("/second-factor",
           [p](const request& r, const optional_user& me, reader& db) { return p.look(r, me, db); })
      .hidden();
  auto own = all.require_user();
  own.post("/second-factor/begin", p.action(&second_factor_pages::begin)).hidden();
  own.post("/second-factor/confirm", p.action(&second_factor_pages::confirm)).hidden();
  own.post("/second-factor/codes", p.action(&second_factor_pages::new_codes)).hidden();
  own.post("/second-factor/off", p.action(&second_factor_pages::remove)).hidden();
}

}  // namespace aft::guarding
