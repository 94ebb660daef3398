#include <aft/auth/credential_routes.hpp>

#include <memory>

#include <fmt/format.h>

#include <aft/auth/recovery_codes.hpp>

#include "credential_desk.hpp"

namespace aft {
namespace {

struct totp_status {
  bool on;
  std::int64_t recovery_codes;
};
struct code_body {
  std::string code;
  static void rules(aft::rules<code_body>& r) { r(&code_body::code).length(1, 64); }
};
struct shown_codes {
  std::vector<std::string> recovery_codes;
};

struct shown_api_key {
  std::int64_t id;
  std::string name, hint;
  std::vector<std::string> scopes;
  time_point created_at;
  std::optional<time_point> expires_at, last_used_at, revoked_at;
};
struct wanted_api_key {
  std::string name;
  std::vector<std::string> scopes;
  std::optional<int> days;
  static void rules(aft::rules<wanted_api_key>& r) {
    r(&wanted_api_key::name).length(1, 100);
    r(&wanted_api_key::scopes).length(0, 50);
    r(&wanted_api_key::days).range(1, 365).describe("90 where it is not said");
  }
};
struct made_api_key {
  std::int64_t id;
  std::string key;
};

result<shown_codes, problem> show(result<std::vector<std::string>, problem>&& codes) {
  if (!codes) return std::move(codes).reason();
  return shown_codes{*std::move(codes)};
}

}  // namespace

credential_watch noted_in(const audit_log& audit) {
  return [&audit](transaction& tx, const request& r, const credential_change& what) {
    audit_entry entry{.event = std::string(audit_event::user_updated), .actor = what.subject};
    switch (what.kind) {
      case credential_change_kind::second_factor_on: entry.target = "second factor on"; break;
      case credential_change_kind::second_factor_off: entry.target = "second factor off"; break;
      case credential_change_kind::recovery_codes_made:
        entry.event = audit_event::token_created;
        entry.target = "recovery codes";
        break;
      case credential_change_kind::api_key_made:
        entry.event = audit_event::token_created;
        entry.target = fmt::format("API key {}", what.key);
        break;
      case credential_change_kind::api_key_revoked:
        entry.event = audit_event::token_revoked;
        entry.target = fmt::format("API key {}", what.key);
        break;
    }
    audit.append(tx, std::move(entry).from(r));
  };
}

void add_totp_routes(routes to, const totp& second, const owner_of_request& whose,
                     credential_watch watch) {
  const auto desk = std::make_shared<auth::credential_desk>(std::move(watch));
  const auto* factor = &second;
  const auto* owner = &whose;

  to.get("/totp", [owner](const request& r, reader& db) -> result<totp_status, problem> {
      const auto who = (*owner)(r, db);
      if (!who) return who.reason();
      return totp_status{totp::is_on(db, who->subject), recovery_codes_left(db, who->subject)};
    }).summary("Whether there is a second factor");

  to.post("/totp",
          [desk, factor, owner](const request& r, transaction& tx) -> result<totp_setup, problem> {
            const auto who = (*owner)(r, tx);
            if (!who) return who.reason();
            return desk->begin_totp(tx, *factor, *who);
          })
      .summary("Begin to set up a second factor");

  to.post("/totp/confirm",
          [desk, factor, owner](body<code_body> in, const request& r,
                                transaction& tx) -> result<shown_codes, problem> {
            const auto who = (*owner)(r, tx);
            if (!who) return who.reason();
            return show(desk->confirm_totp(tx, r, *factor, *who, in->code));
          })
      .summary("Confirm the second factor by a code of it")
      .answers(422, "The code is wrong.");

  to.post("/totp/remove",
          [desk, factor, owner](body<code_body> in, const request& r,
                                transaction& tx) -> result<totp_status, problem> {
            const auto who = (*owner)(r, tx);
            if (!who) return who.reason();
            if (auto wrong = desk->remove_totp(tx, r, *factor, *who, in->code)) {
              return *std::move(wrong);
            }
            return totp_status{false, 0};
          })
      .summary("Remove the second factor, by a code of it")
      .answers(422, "The code is wrong.");

  to.post("/recovery-codes",
          [desk, factor, owner](body<code_body> in, const request& r,
                                transaction& tx) -> result<shown_codes, problem> {
            const auto who = (*owner)(r, tx);
            if (!who) return who.reason();
            return show(desk->new_codes(tx, r, *factor, *who, in->code));
          })
      .summary("Make new recovery codes, by a code of the second factor")
      .answers(422, "The code is wrong.");
}

void add_api_key_routes(routes to, const api_keys& keys, const owner_of_request& whose,
                        credential_watch watch) {
  const auto desk = std::make_shared<auth::credential_desk>(std::move(watch));
  const auto* all = &keys;
  const auto* owner = &whose;

  to.get("/api-keys",
         [owner](const request& r, reader& db) -> result<std::vector<shown_api_key>, problem> {
           const auto who = (*owner)(r, db);
           if (!who) return who.reason();
           std::vector<shown_api_key> shown;
           for (auto& k : api_keys::list(db, who->subject)) {
             shown.push_back({k.id, std::move(k.name), std::move(k.hint), std::move(k.scopes),
                              k.created_at, k.expires_at, k.last_used_at, k.revoked_at});
           }
           return shown;
         })
      .summary("The user's API keys");

  to.post("/api-keys",
          [desk, all, owner](body<wanted_api_key> in, const request& r,
                             transaction& tx) -> result<status<201, made_api_key>, problem> {
            const auto who = (*owner)(r, tx);
            if (!who) return who.reason();
            auth::wanted_key wanted{in->name, in->scopes};
            if (in->days) wanted.days = *in->days;
            auto made = desk->make_key(tx, r, *all, *who, wanted);
            if (!made) return std::move(made).reason();
            return status<201, made_api_key>{{made->id, std::move(made->key)}};
          })
      .summary("Make an API key, which is shown this once");

  to.del("/api-keys/{id}", [desk, owner](std::int64_t id, const request& r, transaction& tx) {
      const auto who = (*owner)(r, tx);
      if (!who) throw who.reason();
      if (auto wrong = desk->revoke_key(tx, r, *who, id)) throw *std::move(wrong);
    }).summary("Revoke an API key");
}

result<api_key, problem> api_key_of(const request& r, reader& db, const api_keys& keys) {
  constexpr std::string_view bearer = "Bearer ";
  std::string_view text = r.header("X-Api-Key").value_or("");
  const auto authorization = r.header("Authorization").value_or("");
  if (text.empty() && authorization.size() > bearer.size() &&
      equal_ignoring_case(authorization.substr(0, bearer.size()), bearer)) {
    text = authorization.substr(bearer.size());
  }
  auto found = keys.find(db, text);
  if (!found) return unauthorized("this needs an API key that is known, and not over");
  return *std::move(found);
}

}  // namespace aft
