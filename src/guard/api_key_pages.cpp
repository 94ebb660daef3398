#include <algorithm>

#include <fmt/format.h>

#include "page_desk.hpp"

namespace aft::guarding {
namespace {

std::string day_of(const std::optional<time_point>& when, std::string_view otherwise) {
  return when ? to_rfc3339(*when).substr(0, 10) : std::string(otherwise);
}

class api_key_pages {
 public:
  explicit api_key_pages(const page_desk& p) : p_(p) {}

  response look(const request& r, const optional_user& me, reader& db) const {
    if (!me) return p_.go(p_.at("login"));
    return me->fresh ? overview(r, *me, db) : p_.prove("keys");
  }

  response make(const request& r, const user& me, transaction& tx) const {
    if (!me.fresh) return p_.prove("keys");
    auto f = p_.read(r);
    if (f.name.empty() || f.name.size() > 100 || f.days < 1 || f.days > 365) {
      return overview(r, me, tx,
                      {422, "a key has a name of up to 100 characters, and lasts 1 to 365 days"});
    }
    const auto made = desk().make_key(tx, r, *p_.of().keys(), own(me),
                                      {std::move(f.name), std::move(f.scope), f.days});
    if (!made) return overview(r, me, tx, made.reason());
    return p_.show("Your new key",
                   fmt::format("<p>Copy it now; it is not shown again.</p><p><code>{}</code></p>{}",
                               escaped(made->key), p_.link("keys", "Your keys")));
  }

  response revoke(const request& r, const user& me, transaction& tx) const {
    if (!me.fresh) return p_.prove("keys");
    if (auto wrong = desk().revoke_key(tx, r, own(me), p_.read(r).key)) {
      return overview(r, me, tx, *wrong);
    }
    return p_.go(p_.at("keys"));
  }

 private:
  const auth::credential_desk& desk() const { return p_.service().credentials().desk(); }
  credential_owner own(const user& me) const { return p_.service().credentials().owner(me); }

  response overview(const request& r, const user& me, reader& db,
                    const problem& why = {200}) const {
    const auto who = own(me);
    std::string list;
    for (const auto& key : api_keys::list(db, who.subject)) {
      if (key.revoked_at) continue;
      const auto what =
          fmt::format("{} ({}...), until {}, last used {}", key.name, key.hint,
                      day_of(key.expires_at, "revoked"), day_of(key.last_used_at, "never"));
      list += fmt::format(
          "<li>{} {}</li>", escaped(what),
          form(p_.at("keys/revoke"), p_.csrf(r) + hidden("key", std::to_string(key.id)), "Revoke"));
    }
    return p_.again(
        p_.show(
            "API keys",
            fmt::format("<p>Programs come in with a key instead of your password.</p><ul>{}</ul>"
                        "<h2>A new key</h2>{}{}",
                        list, form(p_.at("keys"), p_.csrf(r) + inputs(who), "Make it"),
                        p_.link("", "Your account")),
            why.detail, why.status),
        why);
  }

  static std::string inputs(const credential_owner& who) {
    auto all = input({"name", "Name", "text", "off"}) +
               input({"days", "Days until it ends", "number", "off", "90"});
    for (const auto& scope : who.scopes) {
      all +=
          fmt::format("<label><input type=\"checkbox\" name=\"scope\" value=\"{0}\"> {0}</label>",
                      escaped(scope));
    }
    return all;
  }

  const page_desk p_;
};

}  // namespace

void add_api_key_pages(const routes& all, const page_desk& desk) {
  if (!desk.of().keys()) return;
  const api_key_pages p(desk);
  all.allow_anyone()
      .get("/keys",
           [p](const request& r, const optional_user& me, reader& db) { return p.look(r, me, db); })
      .hidden();
  auto own = all.require_user();
  own.post("/keys", [p](const request& r, const account_owner& me,
                        transaction& tx) { return p.make(r, me, tx); })
      .hidden();
  own.post("/keys/revoke", [p](const request& r, const account_owner& me,
                               transaction& tx) { return p.revoke(r, me, tx); })
      .hidden();
}

}  // namespace aft::guarding
