#include <aft/auth/token.hpp>

#include <aft/auth/jws.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/json.hpp>

namespace aft {
namespace {

struct token_claims {
  std::string sub;
  std::int64_t iat;
  std::int64_t exp;
};

constexpr std::size_t longest_token = 4096;

}  // namespace

token_signer::token_signer(std::string key) : key_(std::move(key)) {
  if (key_.size() < 32) throw error("a key for tokens has at least 32 bytes");
}

std::string token_signer::sign(std::string_view subject, time_point issued_at,
                               time_point expires_at) const {
  const token_claims claims{std::string(subject), issued_at.since_1970().in_seconds(),
                            expires_at.since_1970().in_seconds()};
  return sign_text(signing_key::from_secret("", key_), json::write(claims), "JWT");
}

result<std::string, token_refusal> token_signer::verify(std::string_view token,
                                                        time_point now) const {
  const jwk_set keys({signing_key::from_secret("", key_).public_part()});
  const auto text = verify_text(token, keys, longest_token);
  if (!text) {
    return text.reason() == jws_refusal::wrong_signature ? token_refusal::wrong_signature
                                                         : token_refusal::malformed;
  }
  auto claims = json::read<token_claims>(text->payload, {.ignore_unknown = true});
  if (!claims) return token_refusal::malformed;
  if (now >= time_point(seconds(claims->exp))) return token_refusal::expired;
  return std::move(claims->sub);
}

}  // namespace aft
