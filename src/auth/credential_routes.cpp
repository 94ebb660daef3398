#include <aft/auth/credential_routes.hpp>

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include <aft/auth/recovery_codes.hpp>

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

constexpr int default_key_days = 90;

// What all of these routes have. One is shared by their handlers.
class credential_desk {
 public:
  credential_desk(const subject_of_request& whose, const audit_log* audit)
      : whose_(whose), audit_(audit) {}

  result<std::string, problem> subject(const request& r, reader& db) const { return whose_(r, db); }

  void note(transaction& tx, const request& r, std::string_view event, const std::string& subject,
            std::string target) const {
    if (!audit_) return;
    audit_->append(
        tx, audit_entry{.event = std::string(event), .actor = subject, .target = std::move(target)}
                .from(r));
  }

 private:
  const subject_of_request& whose_;
  const audit_log* audit_;
};

problem refusal_of(totp_verdict verdict) {
  if (verdict == totp_verdict::locked) {
    problem p{429, "too many wrong codes; try again later", "code_locked"};
    p.retry_after_seconds = 60;
    return p;
  }
  if (verdict == totp_verdict::off)
    return {409, "there is no second factor to do this with", "totp_off"};
  return {422, "the code is wrong, or was used before", "wrong_code"};
}

}  // namespace

void add_totp_routes(routes to, const totp& second, const subject_of_request& whose,
                     const audit_log* audit) {
  const auto desk = std::make_shared<credential_desk>(whose, audit);
  const auto* factor = &second;

  to.get("/totp", [desk](const request& r, reader& db) -> result<totp_status, problem> {
      const auto who = desk->subject(r, db);
      if (!who) return who.reason();
      return totp_status{totp::is_on(db, *who), recovery_codes_left(db, *who)};
    }).summary("Whether there is a second factor");

  to.post("/totp",
          [desk, factor](const request& r, transaction& tx) -> result<totp_setup, problem> {
            const auto who = desk->subject(r, tx);
            if (!who) return who.reason();
            auto setup = factor->begin(tx, *who, *who);
            if (!setup) return problem{409, "there is a second factor already", "totp_on"};
            return *std::move(setup);
          })
      .summary("Begin to set up a second factor");

  to.post("/totp/confirm",
          [desk, factor](body<code_body> in, const request& r,
                         transaction& tx) -> result<shown_codes, problem> {
            const auto who = desk->subject(r, tx);
            if (!who) return who.reason();
            const auto verdict = factor->confirm(tx, *who, in->code);
            if (verdict != totp_verdict::accepted) return refusal_of(verdict);
            desk->note(tx, r, audit_event::user_updated, *who, "second factor on");
            return shown_codes{make_recovery_codes(tx, *who)};
          })
      .summary("Confirm the second factor by a code of it")
      .answers(422, "The code is wrong.");

  to.post("/totp/remove",
          [desk, factor](body<code_body> in, const request& r,
                         transaction& tx) -> result<totp_status, problem> {
            const auto who = desk->subject(r, tx);
            if (!who) return who.reason();
            const auto verdict = factor->check(tx, *who, in->code);
            const bool proven =
                verdict == totp_verdict::accepted ||
                (verdict == totp_verdict::wrong && use_recovery_code(tx, *who, in->code));
            if (!proven) return refusal_of(verdict);
            totp::remove(tx, *who);
            tx.execute("delete from aft_recovery_code where subject = $1", *who);
            desk->note(tx, r, audit_event::user_updated, *who, "second factor off");
            return totp_status{false, 0};
          })
      .summary("Remove the second factor, by a code of it")
      .answers(422, "The code is wrong.");

  to.post("/recovery-codes",
          [desk, factor](body<code_body> in, const request& r,
                         transaction& tx) -> result<shown_codes, problem> {
            const auto who = desk->subject(r, tx);
            if (!who) return who.reason();
            const auto verdict = factor->check(tx, *who, in->code);
            if (verdict != totp_verdict::accepted) return refusal_of(verdict);
            desk->note(tx, r, audit_event::token_created, *who, "recovery codes");
            return shown_codes{make_recovery_codes(tx, *who)};
          })
      .summary("Make new recovery codes, by a code of the second factor")
      .answers(422, "The code is wrong.");
}

void add_api_key_routes(routes to, const api_keys& keys, const subject_of_request& whose,
                        std::vector<std::string> allowed, const audit_log* audit) {
  const auto desk = std::make_shared<credential_desk>(whose, audit);
  const auto* all = &keys;

  to.get("/api-keys",
         [desk](const request& r, reader& db) -> result<std::vector<shown_api_key>, problem> {
           const auto who = desk->subject(r, db);
           if (!who) return who.reason();
           std::vector<shown_api_key> shown;
           for (auto& k : api_keys::list(db, *who)) {
             shown.push_back({k.id, std::move(k.name), std::move(k.hint), std::move(k.scopes),
                              k.created_at, k.expires_at, k.last_used_at, k.revoked_at});
           }
           return shown;
         })
      .summary("The user's API keys");

  to.post("/api-keys",
          [desk, all, allowed = std::move(allowed)](
              body<wanted_api_key> in, const request& r,
              transaction& tx) -> result<status<201, made_api_key>, problem> {
            const auto who = desk->subject(r, tx);
            if (!who) return who.reason();
            for (const auto& scope : in->scopes) {
              if (std::find(allowed.begin(), allowed.end(), scope) == allowed.end()) {
                return problem{422, "there is no such scope to give", "unknown_scope"};
              }
            }
            auto made = all->make(tx, {.subject = *who,
                                       .name = in->name,
                                       .scopes = in->scopes,
                                       .lifetime = days(in->days.value_or(default_key_days))});
            desk->note(tx, r, audit_event::token_created, *who, fmt::format("API key {}", made.id));
            return status<201, made_api_key>{{made.id, std::move(made.key)}};
          })
      .summary("Make an API key, which is shown this once");

  to.del("/api-keys/{id}", [desk](std::int64_t id, const request& r, transaction& tx) {
      const auto who = desk->subject(r, tx);
      if (!who) throw who.reason();
      if (!api_keys::revoke(tx, *who, id)) throw not_found("there is no such key");
      desk->note(tx, r, audit_event::token_revoked, *who, fmt::format("API key {}", id));
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
