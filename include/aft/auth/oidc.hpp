#pragma once
// Logs in with an account elsewhere: a client of OpenID Connect 1.0, by the authorization code flow
// with state, nonce and PKCE (RFC 7636, RFC 9700, RFC 9207).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/clock.hpp>
#include <aft/ground/function.hpp>
#include <aft/ground/result.hpp>
#include <aft/ground/secret.hpp>
#include <aft/ground/time.hpp>
#include <aft/storage/sealed.hpp>
#include <aft/storage/transaction.hpp>

namespace aft {

// What the client asks of a provider, and its answer; status 0 where there is none.
struct oidc_request {
  std::string method;         // GET or POST
  std::string url;            // https
  std::string authorization;  // a header; empty: none
  std::string form;           // application/x-www-form-urlencoded
};
struct oidc_answer {
  int status = 0;
  std::string body{};
};
// Any thread; may wait, and must end by itself. aft::fetch_with makes one of an aft::http_client.
using oidc_fetch = function<oidc_answer(const oidc_request&)>;

struct oidc_options {
  std::string issuer;  // "https://accounts.example.org", as the provider writes it
  std::string client_id;
  secret client_secret{};    // empty: a public client
  std::string redirect_url;  // ours; one for each provider
  std::vector<std::string> scopes{"openid", "email"};
  duration login_within = minutes(10);  // from begin() to finish()
  duration keys_for = hours(1);         // the provider's keys and addresses are kept
  duration skew = seconds(60);
};

enum class oidc_refusal : std::uint8_t {
  provider_down,   // no answer, or an error
  provider_wrong,  // its document is none, names another issuer, or an address without TLS
  no_login,        // no cookie of ours, or it is too old
  wrong_state,     // an answer to another login: CSRF, or an injected code
  wrong_issuer,    // an answer of another provider: a mix-up
  denied,          // the user or the provider said no
  code_refused,    // by the provider
  bad_id_token,    // signature, algorithm, issuer, audience, time
  wrong_nonce,     // an id_token of another login
};
std::string_view to_string(oidc_refusal);  // "wrong state", for logs

struct oidc_login {
  std::string url;     // where to send the browser
  std::string cookie;  // sealed; to be kept by it as "__Host-oidc", HttpOnly, Secure, SameSite=Lax
};

// Who it is, as the provider has signed.
struct oidc_identity {
  std::string issuer, subject;
  std::string email;
  bool email_verified = false;
  std::string payload;    // all claims, as JSON
  std::string return_to;  // as given to begin()
};

// A client of one provider. Any thread. It fetches what it needs when it needs it, so call it in
// aft::blocking handlers. The ring and the clock must outlive it.
class oidc_client {
 public:
  oidc_client(oidc_options options, const key_ring& keys, oidc_fetch fetch, const clock& time);
  oidc_client(const oidc_client&) = delete;
  oidc_client& operator=(const oidc_client&) = delete;
  ~oidc_client();

  // `return_to` is a path of ours, for afterwards: "/notes". Throws aft::error for another origin.
  result<oidc_login, oidc_refusal> begin(std::string_view return_to = "/") const;

  // With the query string that the browser came back with, and the cookie, which is to be removed
  // from it now.
  result<oidc_identity, oidc_refusal> finish(std::string_view query, std::string_view cookie) const;

 private:
  class impl;
  impl* impl_;
};

// ---- whose account it is

enum class link_refusal : std::uint8_t {
  no_account,          // nobody has that address: make one, and link it
  email_unverified,    // the provider does not say that the address is theirs
  account_unverified,  // there is one with that address, which nobody has proven: it may have been
                       // made by somebody who waits for this login
};

struct account_of_email {
  std::string subject;
  bool verified = false;
};

// The account that an identity is linked to; or the one with its address, where both sides have
// proven it, which is linked by this. `find` is asked in the same transaction.
result<std::string, link_refusal> account_of_identity(
    transaction& tx, const oidc_identity& who,
    const function<std::optional<account_of_email>(std::string_view email)>& find);

// Links explicitly, for a user who is logged in. False where it is linked to another account.
bool link_identity(transaction& tx, const oidc_identity& who, std::string_view subject);
bool unlink_identity(transaction& tx, std::string_view subject, std::string_view issuer);

}  // namespace aft
