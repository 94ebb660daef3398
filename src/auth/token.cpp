#include <aft/auth/token.hpp>

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/json.hpp>
#include <aft/ground/random.hpp>

namespace aft {
namespace {

struct token_header {
  std::string alg;
  std::optional<std::string> typ;
};
struct token_claims {
  std::string sub;
  std::int64_t iat;
  std::int64_t exp;
};

constexpr std::size_t longest_token = 4096;

std::string encode(const auto& value) { return to_base64url(json::write(value)); }

template <class T>
bool decode(std::string_view part, T& value) {
  std::string text;
  field_errors errors;
  return from_base64url(part, text) &&
         json::read(text, &value, type_of<T>(), errors, {.ignore_unknown = true});
}

}  // namespace

token_signer::token_signer(std::string key) : key_(std::move(key)) {
  if (key_.size() < 32) throw error("a key for tokens has at least 32 bytes");
}

std::string token_signer::sign(std::string_view subject, time_point issued_at,
                               time_point expires_at) const {
  const auto head = encode(token_header{"HS256", "JWT"});
  const auto claims = encode(token_claims{std::string(subject), issued_at.since_1970().in_seconds(),
                                          expires_at.since_1970().in_seconds()});
  const auto text = head + "." + claims;
  return text + "." + to_base64url(hmac_sha256(key_, text));
}

result<std::string, token_refusal> token_signer::verify(std::string_view token,
                                                        time_point now) const {
  const auto first = token.find('.'), second = token.find('.', first + 1);
  const bool three_parts = first != token.npos && second != token.npos &&
                           token.find('.', second + 1) == token.npos &&
                           token.size() <= longest_token;
  token_header head;
  std::string signature;
  if (!three_parts || !decode(token.substr(0, first), head) || head.alg != "HS256" ||
      !from_base64url(token.substr(second + 1), signature)) {
    return token_refusal::malformed;
  }
  if (!equal_in_constant_time(signature, hmac_sha256(key_, token.substr(0, second)))) {
    return token_refusal::wrong_signature;
  }
  token_claims claims;
  if (!decode(token.substr(first + 1, second - first - 1), claims)) return token_refusal::malformed;
  if (now >= time_point(seconds(claims.exp))) return token_refusal::expired;
  return std::move(claims.sub);
}

}  // namespace aft
