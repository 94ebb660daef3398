#include <aft/auth/claims.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

#include <fmt/format.h>

#include <aft/ground/error.hpp>
#include <aft/ground/random.hpp>

namespace aft {
namespace {

// RFC 7519 section 4.1. "aud" is one text or several; moments are seconds, maybe with a fraction.
struct registered_claims {
  std::string iss, sub;
  raw_json aud;
  double exp, iat;
  std::optional<double> nbf;
  std::optional<std::string> jti, scope;
};

constexpr double last_second = 253'402'300'799;  // of the year 9999

bool is_moment(double seconds_since_1970) {
  return seconds_since_1970 >= 0 && seconds_since_1970 <= last_second;
}
time_point moment(double s) { return time_point(microseconds(std::int64_t(s * 1e6))); }

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (auto& c : lower) {
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  }
  return lower;
}

// "application/at+jwt" and "AT+JWT" say the same (RFC 7515 section 4.1.9).
bool equal_types(std::string_view a, std::string_view b) {
  constexpr std::string_view prefix = "application/";
  auto short_a = lower_case(a), short_b = lower_case(b);
  for (auto* text : {&short_a, &short_b}) {
    if (text->starts_with(prefix)) text->erase(0, prefix.size());
  }
  return short_a == short_b;
}

std::optional<std::vector<std::string>> read_audience(const raw_json& aud) {
  if (auto one = json::read<std::string>(aud.text)) return std::vector{*std::move(one)};
  if (auto several = json::read<std::vector<std::string>>(aud.text)) return *std::move(several);
  return {};
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> all;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    if (end) all.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return all;
}

claim_refusal refusal_of(jws_refusal why) {
  switch (why) {
    case jws_refusal::malformed: return claim_refusal::malformed;
    case jws_refusal::unknown_key: return claim_refusal::unknown_key;
    case jws_refusal::wrong_signature: break;
  }
  return claim_refusal::wrong_signature;
}

std::optional<claim_refusal> why_not(const registered_claims& c,
                                     const std::vector<std::string>& audience,
                                     const claim_rules& rules, time_point now) {
  if (c.iss != rules.issuer) return claim_refusal::wrong_issuer;
  if (std::find(audience.begin(), audience.end(), rules.audience) == audience.end()) {
    return claim_refusal::wrong_audience;
  }
  if (now >= moment(c.exp) + rules.skew) return claim_refusal::expired;
  if (moment(c.iat) > now + rules.skew || (c.nbf && moment(*c.nbf) > now + rules.skew)) {
    return claim_refusal::too_early;
  }
  return {};
}

}  // namespace

std::string_view to_string(claim_refusal why) {
  switch (why) {
    case claim_refusal::malformed: return "malformed";
    case claim_refusal::unknown_key: return "unknown key";
    case claim_refusal::wrong_signature: return "wrong signature";
    case claim_refusal::wrong_type: return "wrong type";
    case claim_refusal::wrong_issuer: return "wrong issuer";
    case claim_refusal::wrong_audience: return "wrong audience";
    case claim_refusal::expired: return "expired";
    case claim_refusal::too_early: break;
  }
  return "too early";
}

result<claims, claim_refusal> verify_claims(std::string_view token, const jwk_set& keys,
                                            const claim_rules& rules, time_point now) {
  auto text = verify_text(token, keys, rules.max_bytes);
  if (!text) return refusal_of(text.reason());
  if (!equal_types(text->type, rules.type)) return claim_refusal::wrong_type;
  auto c = json::read<registered_claims>(text->payload, {.ignore_unknown = true});
  if (!c || c->sub.empty() || !is_moment(c->exp) || !is_moment(c->iat) ||
      (c->nbf && !is_moment(*c->nbf))) {
    return claim_refusal::malformed;
  }
  auto audience = read_audience(c->aud);
  if (!audience) return claim_refusal::malformed;
  if (const auto why = why_not(*c, *audience, rules, now)) return *why;
  return claims{std::move(c->sub),
                std::move(c->iss),
                *std::move(audience),
                moment(c->iat),
                moment(c->exp),
                c->jti.value_or(""),
                words(c->scope.value_or("")),
                std::move(text->payload)};
}

// ---- token_issuer

namespace {

struct issued_claims {
  std::string iss, aud, sub;
  std::int64_t iat, exp;
  std::string jti;
  std::optional<std::optional<std::string>> scope;
};

using keys_in_turn = std::vector<issuing_key>;  // the first to sign first

std::shared_ptr<const keys_in_turn> checked_keys(std::vector<issuing_key> keys) {
  if (keys.empty()) throw configuration_error("a token issuer without a key");
  std::stable_sort(keys.begin(), keys.end(), [](const issuing_key& a, const issuing_key& b) {
    return a.signs_from < b.signs_from;
  });
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].key.id().empty()) throw configuration_error("a key of a token issuer needs an id");
    for (std::size_t k = 0; k < i; ++k) {
      if (keys[k].key.id() == keys[i].key.id()) {
        throw configuration_error(
            fmt::format("two keys of a token issuer are named {}", keys[i].key.id()));
      }
    }
  }
  return std::make_shared<keys_in_turn>(std::move(keys));
}

// Members of a JSON object, to stand behind others in one.
std::string further_members(const raw_json& more) {
  const auto members = json::read<std::map<std::string, raw_json>>(more.text);
  if (!members) throw error("further claims of a token are one JSON object");
  std::string text;
  for (const auto& [name, value] : *members) {
    for (const auto* ours : {"iss", "aud", "sub", "iat", "exp", "nbf", "jti", "scope"}) {
      if (name == ours) throw error("the claim " + name + " of a token is the issuer's to say");
    }
    text += "," + json::write(name) + ":" + value.text;
  }
  return text;
}

}  // namespace

class token_issuer::impl {
 public:
  impl(issuer_options given, std::vector<issuing_key> first)
      : options(std::move(given)), keys_(checked_keys(std::move(first))) {
    if (options.issuer.empty() || options.audience.empty()) {
      throw configuration_error("a token issuer has an issuer and an audience");
    }
  }

  // Shared by those who sign or check at the moment.
  std::shared_ptr<const keys_in_turn> keys() const {
    std::lock_guard lock(mutex_);
    return keys_;
  }
  void replace(std::shared_ptr<const keys_in_turn> keys) {
    std::lock_guard lock(mutex_);
    keys_.swap(keys);
  }

  const issuer_options options;

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const keys_in_turn> keys_;  // guarded by mutex_
};

token_issuer::token_issuer(issuer_options options, std::vector<issuing_key> keys)
    : impl_(new impl(std::move(options), std::move(keys))) {}
token_issuer::~token_issuer() { delete impl_; }

void token_issuer::replace(std::vector<issuing_key> keys) {
  impl_->replace(checked_keys(std::move(keys)));
}

std::string token_issuer::issue(const token_request& what, time_point now) const {
  if (what.subject.empty()) throw error("a token has a subject");
  const auto keys = impl_->keys();
  const issuing_key* newest = nullptr;
  for (const auto& k : *keys) {
    if (k.signs_from <= now) newest = &k;
  }
  if (!newest) throw error("none of the issuer's keys signs yet");
  const auto lifetime = what.lifetime == duration() ? impl_->options.lifetime : what.lifetime;
  issued_claims c{impl_->options.issuer,
                  impl_->options.audience,
                  what.subject,
                  now.since_1970().in_seconds(),
                  (now + lifetime).since_1970().in_seconds(),
                  random_token(16),
                  {}};
  if (!what.scopes.empty()) c.scope = fmt::format("{}", fmt::join(what.scopes, " "));
  auto payload = json::write(c);
  payload.insert(payload.size() - 1, further_members(what.more));
  return sign_text(newest->key, payload, impl_->options.type);
}

result<claims, claim_refusal> token_issuer::verify(std::string_view token, time_point now) const {
  const auto& o = impl_->options;
  return verify_claims(token, keys(now), {o.issuer, o.audience, o.type, o.skew}, now);
}

jwk_set token_issuer::keys(time_point now) const {
  const auto keys = impl_->keys();
  const auto keep = impl_->options.lifetime + impl_->options.grace;
  std::vector<verification_key> alive;
  for (std::size_t i = 0; i < keys->size(); ++i) {
    const bool retired = i + 1 < keys->size() && (*keys)[i + 1].signs_from + keep <= now;
    if (!retired) alive.push_back((*keys)[i].key.public_part());
  }
  return jwk_set(std::move(alive));
}

void add_jwks_route(routes& to, const token_issuer& issuer, const clock& time) {
  to.get("/.well-known/jwks.json", [&issuer, &time] {
      return response{200,
                      issuer.keys(time.now()).to_json(),
                      "application/jwk-set+json",
                      {{"Cache-Control", "public, max-age=300"}}};
    }).summary("The keys that check our tokens");
}

}  // namespace aft
