// Signed tokens and keys from strangers: nothing is accepted that our key has not signed.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <aft/auth/claims.hpp>
#include <aft/auth/jws.hpp>
#include <aft/ground/encoding.hpp>

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

// Its tokens are among the seeds.
const auto our_key = aft::signing_key::from_secret("1", std::string(32, 'k'));
const auto other_key = aft::signing_key::from_jwk(
    R"({"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",)"
    R"("x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"2"})");
const aft::jwk_set both({our_key.public_part(), other_key.public_part()});

void try_token(std::string_view text) {
  const auto found = aft::verify_text(text, both);
  const aft::claim_rules rules{.issuer = "https://example.org", .audience = "notes"};
  const aft::time_point now(aft::seconds(1'700'000'000));
  const auto claims = aft::verify_claims(text, both, rules, now);
  if (!found) return check(!claims);
  const auto end = text.rfind('.');
  std::string signature;
  check(aft::from_base64url(text.substr(end + 1), signature));
  const auto signed_text = text.substr(0, end);
  check(signature == our_key.sign(signed_text) || signature == other_key.sign(signed_text));
  check(!claims || (claims->issuer == rules.issuer && claims->expires_at + rules.skew > now));
}

void try_keys(std::string_view text) {
  if (const auto key = aft::verification_key::from_jwk(text)) {
    check(!key->verify("text", "signature"));
    if (key->is_public()) {
      const auto again = aft::verification_key::from_jwk(key->to_jwk());
      check(again && again->algorithm() == key->algorithm() && again->id() == key->id());
    }
  }
  if (const auto set = aft::jwk_set::from_json(text)) {
    check(bool(aft::jwk_set::from_json(set->to_json())));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try_token(text);
  try_keys(text);
  return 0;
}
