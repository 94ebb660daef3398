#pragma once
// A provider of OpenID Connect, which also attacks.

#include <functional>
#include <map>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/auth/jws.hpp>
#include <aft/auth/oidc.hpp>
#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/query_string.hpp>

namespace fake {

struct document {
  std::string issuer = "https://id.example";
  std::string authorization_endpoint = "https://id.example/authorize";
  std::string token_endpoint = "https://id.example/token";
  std::string jwks_uri = "https://id.example/jwks";
  std::optional<bool> authorization_response_iss_parameter_supported{};
};
struct asked_authorization {
  std::string response_type, client_id, redirect_uri, scope, state, nonce, code_challenge,
      code_challenge_method;
};
struct token_form {
  std::string grant_type, code, redirect_uri, code_verifier, client_id;
};
struct id_token {
  std::string iss, aud, sub;
  std::int64_t iat, exp;
  std::optional<std::string> nonce{}, email{}, azp{};
  bool email_verified = false;
};
struct tokens {
  std::string id_token, access_token = "a";
};

// A provider that does as it should, unless it is told to attack.
class provider {
 public:
  explicit provider(const aft::clock& time) : time_(time) {
    app.get("/.well-known/openid-configuration", [this] { return ++discoveries, about; });
    app.get("/jwks", [this] {
      ++key_fetches;
      return aft::response{200, aft::jwk_set({key.public_part()}).to_json(), "application/json"};
    });
    app.post("/token", [this](const aft::request& r) -> aft::result<tokens, aft::problem> {
      const auto form = aft::query_string::read<token_form>(r.body());
      authorization = std::string(r.header("Authorization").value_or(""));
      if (!form || !codes.count(form->code)) return aft::problem{400, "invalid_grant"};
      const auto asked = codes[form->code];
      codes.erase(form->code);  // once
      if (aft::to_base64url(aft::sha256(form->code_verifier)) != asked.code_challenge ||
          form->redirect_uri != asked.redirect_uri || form->grant_type != "authorization_code") {
        return aft::problem{400, "invalid_grant"};
      }
      return tokens{make_token(asked)};
    });
  }

  std::string make_token(const asked_authorization& asked) {
    const auto now = time_.now().since_1970().in_seconds();
    id_token claims{about.issuer, asked.client_id, "ada", now, now + 300};
    claims.nonce = asked.nonce;
    claims.email = "ada@example.org";
    claims.email_verified = verified;
    if (change) change(claims);
    if (sign) return sign(aft::json::write(claims));
    return aft::sign_text(key, aft::json::write(claims), "JWT");
  }

  // What a browser does there: the query that it comes back with.
  std::string log_in(const std::string& url) {
    const auto asked = *aft::query_string::read<asked_authorization>(url.substr(url.find('?') + 1));
    CHECK(asked.response_type == "code");
    CHECK(asked.code_challenge_method == "S256");
    CHECK(asked.scope == "openid email");
    const auto code = "c" + std::to_string(++count_);
    codes[code] = asked;
    return "code=" + code + "&state=" + asked.state;
  }

  aft::oidc_answer fetch(const aft::oidc_request& r) {
    if (is_down || !r.url.starts_with("https://id.example/")) return {};
    aft::test_request q{.method = r.method, .target = r.url.substr(18), .body = r.form};
    if (!r.authorization.empty()) q.headers.emplace_back("Authorization", r.authorization);
    const auto answer = app.handle(q);
    return {answer.status, answer.body};
  }

  document about;
  aft::signing_key key = aft::signing_key::make(aft::jws_algorithm::es256, "p1");
  std::map<std::string, asked_authorization> codes;
  std::string authorization;
  bool verified = true, is_down = false;
  std::function<void(id_token&)> change;
  std::function<std::string(const std::string& claims)> sign;
  int discoveries = 0, key_fetches = 0;
  aft::app app;

 private:
  const aft::clock& time_;
  int count_ = 0;
};

}  // namespace fake
