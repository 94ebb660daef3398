#pragma once
// Access tokens that carry what they say: JSON Web Tokens (RFC 7519), signed with keys that are
// exchanged in turn, and checked claim by claim (RFC 8725).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/auth/jws.hpp>
#include <aft/ground/clock.hpp>
#include <aft/ground/json.hpp>
#include <aft/ground/time.hpp>
#include <aft/http/routes.hpp>

namespace aft {

enum class claim_refusal : std::uint8_t {
  malformed,    // no token, or one of its claims is missing or of a wrong form
  unknown_key,  // of none of our keys, or of one that is retired
  wrong_signature,
  wrong_type,      // "typ": a token for another purpose
  wrong_issuer,    // "iss"
  wrong_audience,  // "aud": a token for another service
  expired,         // "exp"
  too_early,       // "nbf", or an "iat" that is yet to come
};
std::string_view to_string(claim_refusal);  // "expired", for logs and "error_description"

// What must be true of a token.
struct claim_rules {
  std::string issuer;
  std::string audience;
  std::string type = "at+jwt";  // RFC 9068; compared without regard to case and "application/"
  duration skew = seconds(30);  // by which clocks may differ
  std::size_t max_bytes = 8'192;
};

struct claims {
  std::string subject, issuer;
  std::vector<std::string> audience;
  time_point issued_at, expires_at;
  std::string id;                   // "jti"; may be empty
  std::vector<std::string> scopes;  // of "scope"
  std::string payload;              // all of it, as JSON

  // Claims of the host's own, by a struct of them.
  template <class T>
  result<T, field_errors> as() const {
    return json::read<T>(payload, {.ignore_unknown = true});
  }
};

// Checks signature, typ, iss, aud, exp, nbf and iat; these (but nbf) and sub must be there. The
// keys are those of one issuer. Any thread.
result<claims, claim_refusal> verify_claims(std::string_view token, const jwk_set& keys,
                                            const claim_rules& rules, time_point now);

// What a token is to say.
struct token_request {
  std::string subject;  // an account's id; not empty
  std::vector<std::string> scopes{};
  duration lifetime{};  // zero: the issuer's
  raw_json more{"{}"};  // an object of further claims; it must not name one of the above
};

// A key of an issuer, and from when on it signs; until then it is already published. When the next
// one signs it still checks, until the last of its tokens has expired and `grace` is over.
struct issuing_key {
  signing_key key;
  time_point signs_from{};
};

struct issuer_options {
  std::string issuer;    // a URL of ours
  std::string audience;  // whom the tokens are for
  std::string type = "at+jwt";
  duration lifetime = minutes(15);
  duration skew = seconds(30);
  duration grace = hours(1);  // for what others have cached
};

// Issues tokens and checks them. Any thread.
//   aft::token_issuer tokens({.issuer = "https://example.org", .audience = "notes"},
//                            {{aft::signing_key::from_pem(aft::jws_algorithm::eddsa, "1", pem)}});
//   tokens.issue({.subject = "7", .scopes = {"notes:read"}}, now);
// To exchange a key: replace() with the old one and a new one that signs from tomorrow on; later
// with the new one alone.
class token_issuer {
 public:
  // Throws configuration_error for no key, two of one id or none, and an empty issuer or audience.
  token_issuer(issuer_options options, std::vector<issuing_key> keys);
  token_issuer(const token_issuer&) = delete;
  token_issuer& operator=(const token_issuer&) = delete;
  ~token_issuer();

  void replace(std::vector<issuing_key> keys);  // while others issue and check

  // With an id ("jti") of its own. Throws aft::error for claims that cannot be added.
  std::string issue(const token_request& what, time_point now) const;
  result<claims, claim_refusal> verify(std::string_view token, time_point now) const;

  jwk_set keys(time_point now) const;  // that check now or will; without those that are retired

 private:
  class impl;
  impl* impl_;
};

// Answers GET /.well-known/jwks.json with the issuer's public keys, for those who check its tokens;
// they may keep it for five minutes. Issuer and clock must outlive the routes.
void add_jwks_route(routes& to, const token_issuer& issuer, const clock& time);

}  // namespace aft
