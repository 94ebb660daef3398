#include <aft/auth/oidc.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <aft/auth/claims.hpp>
#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/json.hpp>
#include <aft/ground/query_string.hpp>
#include <aft/ground/random.hpp>

#include "oidc_provider.hpp"

namespace aft {
namespace {

// What the browser keeps for us while it is at the provider.
struct pending_login {
  std::string issuer, state, nonce, verifier, return_to;
  time_point until;
};

struct authorization_answer {
  std::optional<std::string> code, state, iss, error;
  static void rules(aft::rules<authorization_answer>& r) { r.ignore_unknown(); }
};

struct token_answer {
  std::string id_token;
};

struct id_claims {
  std::optional<std::string> nonce, azp, email;
  std::optional<raw_json> email_verified;
};

constexpr std::size_t max_id_token = 16'384, max_login_cookie = 4'096;

sealed_place login_place(const oidc_options& o) { return {"aft_oidc", o.client_id, o.issuer}; }

std::string seal_login(const pending_login& login, const key_ring& keys, const oidc_options& o) {
  const auto made = keys.seal(json::write(login), login_place(o));
  return to_base64url({reinterpret_cast<const char*>(made.bytes.data()), made.bytes.size()});
}

std::optional<pending_login> open_login(std::string_view cookie, const key_ring& keys,
                                        const oidc_options& o) {
  std::string bytes;
  if (cookie.size() > max_login_cookie || !from_base64url(cookie, bytes)) return {};
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  try {
    const auto text = keys.open({{begin, begin + bytes.size()}}, login_place(o));
    auto login = json::read<pending_login>(text.reveal());
    if (login) return *std::move(login);
  } catch (const unsealing_error&) {}  // not ours, or of another provider
  return {};
}

// A path of ours and nothing that a browser takes for another host.
bool is_own_path(std::string_view path) {
  return path.starts_with('/') && !path.starts_with("//") && path.find('\\') == path.npos &&
         std::none_of(path.begin(), path.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 33 || c == 127; });
}

bool is_true(const std::optional<raw_json>& value) {
  return value && (value->text == "true" || value->text == "\"true\"");  // some write it as text
}

}  // namespace

std::string_view to_string(oidc_refusal why) {
  switch (why) {
    case oidc_refusal::provider_down: return "provider down";
    case oidc_refusal::provider_wrong: return "provider wrong";
    case oidc_refusal::no_login: return "no login";
    case oidc_refusal::wrong_state: return "wrong state";
    case oidc_refusal::wrong_issuer: return "wrong issuer";
    case oidc_refusal::denied: return "denied";
    case oidc_refusal::code_refused: return "code refused";
    case oidc_refusal::bad_id_token: return "bad id_token";
    case oidc_refusal::wrong_nonce: break;
  }
  return "wrong nonce";
}

class oidc_client::impl {
 public:
  impl(oidc_options given, const key_ring& ring, oidc_fetch f, const clock& t)
      : options(std::move(given)), keys(ring), fetch(std::move(f)), time(t) {
    if (!options.issuer.starts_with("https://") || options.client_id.empty() ||
        !options.redirect_url.starts_with("https://") || !fetch) {
      throw configuration_error(
          "a client of OpenID Connect has an issuer and a redirect URL with https, a client_id, "
          "and "
          "a function that fetches");
    }
  }

  // The id_token that a code is worth.
  result<std::string, oidc_refusal> exchange(const std::string& code, const pending_login& login,
                                             const std::string& token_endpoint) const {
    oidc_request ask{"POST", token_endpoint, {}, {}};
    ask.form = fmt::format(
        "grant_type=authorization_code&code={}&redirect_uri={}&code_verifier={}&client_id={}",
        percent_encode(code), percent_encode(options.redirect_url), percent_encode(login.verifier),
        percent_encode(options.client_id));
    if (!options.client_secret.empty()) {
      ask.authorization = "Basic " + to_base64(percent_encode(options.client_id) + ":" +
                                               percent_encode(options.client_secret.text()));
    }
    const auto answer = fetch(ask);
    if (answer.status == 0 || answer.status >= 500) return oidc_refusal::provider_down;
    if (answer.status != 200) return oidc_refusal::code_refused;
    auto tokens = json::read<token_answer>(answer.body, {.ignore_unknown = true});
    if (!tokens) return oidc_refusal::provider_wrong;
    return std::move(tokens->id_token);
  }

  // OpenID Connect Core 1.0 section 3.1.3.7.
  result<oidc_identity, oidc_refusal> check(const std::string& token, const pending_login& login) {
    const auto id_of_key = kid_of(token);
    const auto known = provider.keys(id_of_key);
    if (!known) return known.reason();
    const auto text = verify_text(token, *known, max_id_token);
    const bool is_jwt = text && (text->type.empty() || equal_ignoring_case(text->type, "JWT"));
    if (!is_jwt) return oidc_refusal::bad_id_token;
    auto c = verify_claims(
        token, *known, {options.issuer, options.client_id, text->type, options.skew, max_id_token},
        time.now());
    if (!c) return oidc_refusal::bad_id_token;
    auto more = c->as<id_claims>();
    if (!more || (c->audience.size() > 1 && !more->azp) ||
        (more->azp && *more->azp != options.client_id)) {
      return oidc_refusal::bad_id_token;
    }
    if (!more->nonce || !equal_in_constant_time(*more->nonce, login.nonce)) {
      return oidc_refusal::wrong_nonce;
    }
    return oidc_identity{c->issuer,
                         c->subject,
                         more->email.value_or(""),
                         is_true(more->email_verified),
                         std::move(c->payload),
                         login.return_to};
  }

  static std::string kid_of(std::string_view token) {
    struct head {
      std::optional<std::string> kid;
    };
    std::string text;
    if (!from_base64url(token.substr(0, token.find('.')), text)) return {};
    const auto h = json::read<head>(text, {.ignore_unknown = true});
    return h ? h->kid.value_or("") : "";
  }

  const oidc_options options;
  const key_ring& keys;
  const oidc_fetch fetch;
  const clock& time;
  auth::oidc_provider provider{options, fetch, time};
};

oidc_client::oidc_client(oidc_options options, const key_ring& keys, oidc_fetch fetch,
                         const clock& time)
    : impl_(new impl(std::move(options), keys, std::move(fetch), time)) {}
oidc_client::~oidc_client() { delete impl_; }

result<oidc_login, oidc_refusal> oidc_client::begin(std::string_view return_to) const {
  const auto& o = impl_->options;
  if (!is_own_path(return_to)) throw error("a login returns to a path of our own");
  const auto where = impl_->provider.addresses();
  if (!where) return where.reason();
  const pending_login login{
      o.issuer,       random_token(),         random_token(),
      random_token(), std::string(return_to), impl_->time.now() + o.login_within};
  const auto& to = where->authorization_endpoint;
  auto url = fmt::format(
      "{}{}response_type=code&client_id={}&redirect_uri={}&scope={}&state={}&nonce={}"
      "&code_challenge={}&code_challenge_method=S256",
      to, to.find('?') == to.npos ? '?' : '&', percent_encode(o.client_id),
      percent_encode(o.redirect_url), percent_encode(fmt::format("{}", fmt::join(o.scopes, " "))),
      login.state, login.nonce, to_base64url(sha256(login.verifier)));
  return oidc_login{std::move(url), seal_login(login, impl_->keys, o)};
}

result<oidc_identity, oidc_refusal> oidc_client::finish(std::string_view query,
                                                        std::string_view cookie) const {
  const auto login = open_login(cookie, impl_->keys, impl_->options);
  if (!login || impl_->time.now() >= login->until) return oidc_refusal::no_login;
  const auto answer = query_string::read<authorization_answer>(query);
  if (!answer || !answer->state || !equal_in_constant_time(*answer->state, login->state)) {
    return oidc_refusal::wrong_state;
  }
  const auto where = impl_->provider.addresses();
  if (!where) return where.reason();
  if (answer->iss ? *answer->iss != impl_->options.issuer : where->names_itself) {
    return oidc_refusal::wrong_issuer;
  }
  if (answer->error || !answer->code) return oidc_refusal::denied;
  const auto token = impl_->exchange(*answer->code, *login, where->token_endpoint);
  if (!token) return token.reason();
  return impl_->check(*token, *login);
}

// ---- whose account it is

result<std::string, link_refusal> account_of_identity(
    transaction& tx, const oidc_identity& who,
    const function<std::optional<account_of_email>(std::string_view email)>& find) {
  auto linked =
      tx.find<std::string>("select account from aft_identity where issuer = $1 and subject = $2",
                           who.issuer, who.subject);
  if (linked) return *std::move(linked);
  if (who.email.empty() || !who.email_verified) return link_refusal::email_unverified;
  auto account = find(who.email);
  if (!account) return link_refusal::no_account;
  if (!account->verified) return link_refusal::account_unverified;
  link_identity(tx, who, account->subject);
  return std::move(account->subject);
}

bool link_identity(transaction& tx, const oidc_identity& who, std::string_view subject) {
  tx.execute(
      "insert into aft_identity (issuer, subject, account, email, created_at) values ($1, $2, $3, "
      "$4, $5) on conflict (issuer, subject) do nothing",
      who.issuer, who.subject, subject, who.email, tx.now());
  return tx.one<std::string>("select account from aft_identity where issuer = $1 and subject = $2",
                             who.issuer, who.subject) == subject;
}

bool unlink_identity(transaction& tx, std::string_view subject, std::string_view issuer) {
  return tx.execute("delete from aft_identity where account = $1 and issuer = $2", subject,
                    issuer) > 0;
}

}  // namespace aft
