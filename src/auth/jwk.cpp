#include <aft/auth/jwk.hpp>

#include <sodium.h>

#include <fmt/format.h>

#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/json.hpp>
#include <aft/ground/random.hpp>

#include "key_material.hpp"

namespace aft {
namespace {

using auth::key_owner;
using detail::key_material;

constexpr std::size_t least_secret = 32, ed25519_bytes = 32, p256_bytes = 32;
constexpr int least_rsa_bits = 2048, most_rsa_bits = 8192;

// The members of a JWK that we know (RFC 7517, 7518, 8037).
struct jwk_members {
  std::string kty;
  std::optional<std::string> kid, alg, use;
  std::optional<std::vector<std::string>> key_ops;
  std::optional<std::string> crv, x, y, k, n, e, d, p, q, dp, dq, qi;
};

// Why a key is of no use here.
struct unusable {
  std::string why;
};

std::string decoded(const std::optional<std::string>& member, std::string_view name) {
  std::string bytes;
  if (!member || !from_base64url(*member, bytes) || bytes.empty()) {
    throw unusable{fmt::format("\"{}\" is missing or not base64url", name)};
  }
  return bytes;
}

jws_algorithm algorithm_of(const jwk_members& m) {
  const auto by_type = [&]() -> jws_algorithm {
    if (m.kty == "oct") return jws_algorithm::hs256;
    if (m.kty == "RSA") return jws_algorithm::rs256;
    if (m.kty == "EC" && m.crv == "P-256") return jws_algorithm::es256;
    if (m.kty == "OKP" && m.crv == "Ed25519") return jws_algorithm::eddsa;
    throw unusable{"its type or curve is not one of HS256, RS256, ES256 and EdDSA"};
  }();
  if (m.alg && *m.alg != to_string(by_type)) {
    throw unusable{"its \"alg\" is not the one of HS256, RS256, ES256 and EdDSA of its type"};
  }
  return by_type;
}

void need_use(const jwk_members& m, std::string_view operation) {
  if (m.use && *m.use != "sig") throw unusable{"its \"use\" is not \"sig\""};
  if (!m.key_ops) return;
  for (const auto& allowed : *m.key_ops) {
    if (allowed == operation) return;
  }
  throw unusable{fmt::format("its \"key_ops\" do not have \"{}\"", operation)};
}

// Numbers and strings from which OpenSSL makes a key.
class key_builder {
 public:
  key_builder() : builder_(OSSL_PARAM_BLD_new()) {
    if (!builder_) throw error("no memory for a key");
  }
  void number(const char* name, const std::string& bytes) {
    auto& n = numbers_.emplace_back(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                                              int(bytes.size()), nullptr));
    BN_set_flags(n.get(), BN_FLG_CONSTTIME);
    OSSL_PARAM_BLD_push_BN(builder_.get(), name, n.get());
  }
  void text(const char* name, const char* value) {
    OSSL_PARAM_BLD_push_utf8_string(builder_.get(), name, value, 0);
  }
  void octets(const char* name, std::string value) {  // once
    octets_ = std::move(value);
    OSSL_PARAM_BLD_push_octet_string(builder_.get(), name, octets_.data(), octets_.size());
  }
  key_owner make(const char* type, bool is_private) {
    const auth::parameters_owner parameters(OSSL_PARAM_BLD_to_param(builder_.get()));
    const auth::key_context_owner context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                          parameters.get()) != 1) {
      ERR_clear_error();
      throw unusable{"its numbers are no key"};
    }
    return key_owner(key);
  }

 private:
  auth::parameters_builder builder_;
  std::vector<auth::number_owner> numbers_;
  std::string octets_;  // read when the key is made
};

key_owner rsa_of(const jwk_members& m, bool is_private) {
  key_builder b;
  b.number(OSSL_PKEY_PARAM_RSA_N, decoded(m.n, "n"));
  b.number(OSSL_PKEY_PARAM_RSA_E, decoded(m.e, "e"));
  if (is_private) {
    b.number(OSSL_PKEY_PARAM_RSA_D, decoded(m.d, "d"));
    if (m.p) {
      b.number(OSSL_PKEY_PARAM_RSA_FACTOR1, decoded(m.p, "p"));
      b.number(OSSL_PKEY_PARAM_RSA_FACTOR2, decoded(m.q, "q"));
      b.number(OSSL_PKEY_PARAM_RSA_EXPONENT1, decoded(m.dp, "dp"));
      b.number(OSSL_PKEY_PARAM_RSA_EXPONENT2, decoded(m.dq, "dq"));
      b.number(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, decoded(m.qi, "qi"));
    }
  }
  return b.make("RSA", is_private);
}

key_owner p256_of(const jwk_members& m, bool is_private) {
  const auto x = decoded(m.x, "x"), y = decoded(m.y, "y");
  if (x.size() != p256_bytes || y.size() != p256_bytes) throw unusable{"its point is too short"};
  key_builder b;
  b.text(OSSL_PKEY_PARAM_GROUP_NAME, "P-256");
  b.octets(OSSL_PKEY_PARAM_PUB_KEY, "\x04" + x + y);
  if (is_private) b.number(OSSL_PKEY_PARAM_PRIV_KEY, decoded(m.d, "d"));
  return b.make("EC", is_private);
}

// Of the kind that the algorithm needs, and strong enough.
void need_sound(jws_algorithm algorithm, EVP_PKEY* key) {
  if (algorithm == jws_algorithm::rs256) {
    const int bits = EVP_PKEY_is_a(key, "RSA") ? EVP_PKEY_get_bits(key) : 0;
    if (bits < least_rsa_bits || bits > most_rsa_bits) {
      throw unusable{"it is not an RSA key of 2048 to 8192 bits"};
    }
    BIGNUM* exponent = nullptr;
    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent);
    const auth::number_owner e(exponent);
    if (!e || !BN_is_odd(e.get()) || BN_is_one(e.get()) || BN_num_bits(e.get()) > 64) {
      throw unusable{"its exponent is odd, greater than 1 and of 64 bits at most, or it is no key"};
    }
    return;
  }
  char group[32] = {};
  std::size_t length = 0;
  const bool is_p256 =
      EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, &length) == 1 &&
      (std::string_view(group) == "P-256" || std::string_view(group) == "prime256v1");
  const auth::key_context_owner context(EVP_PKEY_CTX_new(key, nullptr));
  if (!is_p256 || !context || EVP_PKEY_public_check(context.get()) != 1) {
    ERR_clear_error();
    throw unusable{"it is not a point of P-256"};
  }
}

std::string ed25519_of_seed(const std::string& seed) {
  unsigned char public_part[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
  crypto_sign_seed_keypair(public_part, secret,
                           reinterpret_cast<const unsigned char*>(seed.data()));
  sodium_memzero(secret, sizeof secret);
  return {reinterpret_cast<const char*>(public_part), sizeof public_part};
}

key_material* ed25519_material(const std::string& public_part, const std::string* seed) {
  if (public_part.size() != ed25519_bytes || (seed && seed->size() != ed25519_bytes)) {
    throw unusable{"an Ed25519 key has 32 bytes"};
  }
  if (seed && ed25519_of_seed(*seed) != public_part) throw unusable{"its halves do not match"};
  auto* made = new key_material(jws_algorithm::eddsa, public_part + (seed ? *seed : ""));
  made->is_private = seed != nullptr;
  return made;
}

key_material* checked(jws_algorithm algorithm, key_owner key, bool is_private) {
  need_sound(algorithm, key.get());
  if (is_private) {
    const auth::key_context_owner context(EVP_PKEY_CTX_new(key.get(), nullptr));
    if (!context || EVP_PKEY_pairwise_check(context.get()) != 1) {
      ERR_clear_error();
      throw unusable{"its halves do not match"};
    }
  }
  auto* made = new key_material(algorithm, std::move(key));
  made->is_private = is_private;
  return made;
}

key_material* material_of(const jwk_members& m, bool is_private) {
  random_bytes(1);  // starts the library
  const auto algorithm = algorithm_of(m);
  need_use(m, is_private ? "sign" : "verify");
  switch (algorithm) {
    case jws_algorithm::hs256: {
      auto secret = decoded(m.k, "k");
      if (secret.size() < least_secret) throw unusable{"a secret for HS256 has at least 32 bytes"};
      auto* made = new key_material(algorithm, std::move(secret));
      made->is_private = true;
      return made;
    }
    case jws_algorithm::rs256: return checked(algorithm, rsa_of(m, is_private), is_private);
    case jws_algorithm::es256: return checked(algorithm, p256_of(m, is_private), is_private);
    case jws_algorithm::eddsa: break;
  }
  if (!is_private) return ed25519_material(decoded(m.x, "x"), nullptr);
  const auto seed = decoded(m.d, "d");
  return ed25519_material(decoded(m.x, "x"), &seed);
}

key_material* material_of_pem(jws_algorithm algorithm, std::string_view pem, bool is_private) {
  random_bytes(1);
  if (algorithm == jws_algorithm::hs256) throw unusable{"a secret for HS256 has no PEM"};
  const auth::bio_owner text(BIO_new_mem_buf(pem.data(), int(pem.size())));
  const auto no_password = [](char*, int, int, void*) { return 0; };
  key_owner key(is_private ? PEM_read_bio_PrivateKey(text.get(), nullptr, no_password, nullptr)
                           : PEM_read_bio_PUBKEY(text.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (!key) throw unusable{"it is no PEM of such a key"};
  if (algorithm != jws_algorithm::eddsa) return checked(algorithm, std::move(key), is_private);
  std::string public_part(ed25519_bytes, '\0'), seed(ed25519_bytes, '\0');
  std::size_t size = ed25519_bytes;
  auto* to_public = reinterpret_cast<unsigned char*>(public_part.data());
  auto* to_seed = reinterpret_cast<unsigned char*>(seed.data());
  if (!EVP_PKEY_is_a(key.get(), "ED25519") ||
      EVP_PKEY_get_raw_public_key(key.get(), to_public, &size) != 1 ||
      (is_private && EVP_PKEY_get_raw_private_key(key.get(), to_seed, &size) != 1)) {
    throw unusable{"it is no Ed25519 key"};
  }
  return ed25519_material(public_part, is_private ? &seed : nullptr);
}

std::string number_of(EVP_PKEY* key, const char* name, int size = 0) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return {};
  const auth::number_owner owned(number);
  std::string bytes(std::size_t(size ? size : BN_num_bytes(number)), '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()), int(bytes.size()));
  return to_base64url(bytes);
}

struct public_jwk {
  std::string kty;
  std::string alg, use = "sig";
  std::optional<std::optional<std::string>> kid{}, crv{}, x{}, y{}, k{}, n{}, e{}, d{};
  std::optional<std::optional<std::string>> p{}, q{}, dp{}, dq{}, qi{};
};

public_jwk members_of(const std::string& id, const key_material& m, bool with_private) {
  public_jwk out{"RSA", std::string(to_string(m.algorithm))};
  if (!id.empty()) out.kid = id;
  auto* key = m.key.get();
  switch (m.algorithm) {
    case jws_algorithm::hs256:
      out.kty = "oct";
      out.k = to_base64url(m.bytes);
      break;
    case jws_algorithm::rs256:
      out.n = number_of(key, OSSL_PKEY_PARAM_RSA_N);
      out.e = number_of(key, OSSL_PKEY_PARAM_RSA_E);
      if (!with_private) break;
      out.d = number_of(key, OSSL_PKEY_PARAM_RSA_D);
      out.p = number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR1);
      if (out.p->value().empty()) {
        out.p.reset();
        break;
      }
      out.q = number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR2);
      out.dp = number_of(key, OSSL_PKEY_PARAM_RSA_EXPONENT1);
      out.dq = number_of(key, OSSL_PKEY_PARAM_RSA_EXPONENT2);
      out.qi = number_of(key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
      break;
    case jws_algorithm::es256:
      out.kty = "EC";
      out.crv = "P-256";
      out.x = number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, p256_bytes);
      out.y = number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, p256_bytes);
      if (with_private) out.d = number_of(key, OSSL_PKEY_PARAM_PRIV_KEY, p256_bytes);
      break;
    case jws_algorithm::eddsa:
      out.kty = "OKP";
      out.crv = "Ed25519";
      out.x = to_base64url(std::string_view(m.bytes).substr(0, ed25519_bytes));
      if (with_private) out.d = to_base64url(std::string_view(m.bytes).substr(ed25519_bytes));
  }
  return out;
}

result<jwk_members, std::string> read_members(std::string_view json) {
  auto members = json::read<jwk_members>(json, {.ignore_unknown = true});
  if (!members) return std::string("it is not the JSON of a JWK");
  return *std::move(members);
}

}  // namespace

std::string_view to_string(jws_algorithm algorithm) {
  switch (algorithm) {
    case jws_algorithm::hs256: return "HS256";
    case jws_algorithm::rs256: return "RS256";
    case jws_algorithm::es256: return "ES256";
    case jws_algorithm::eddsa: break;
  }
  return "EdDSA";
}

// ---- verification_key

result<verification_key, std::string> verification_key::from_jwk(std::string_view json) {
  auto members = read_members(json);
  if (!members) return members.reason();
  try {
    return verification_key(members->kid.value_or(""),
                            detail::key_share(material_of(*members, false)));
  } catch (const unusable& because) {
    return because.why;
  }
}

verification_key verification_key::from_pem(jws_algorithm algorithm, std::string id,
                                            std::string_view pem) {
  try {
    return {std::move(id), detail::key_share(material_of_pem(algorithm, pem, false))};
  } catch (const unusable& because) {
    throw configuration_error("a public key for tokens: " + because.why);
  }
}

jws_algorithm verification_key::algorithm() const { return (*share_).algorithm; }

std::string verification_key::to_jwk() const {
  if (!is_public()) throw error("the key of HS256 is a secret, which is not given away");
  return json::write(members_of(id_, *share_, false));
}

bool verification_key::verify(std::string_view text, std::string_view signature) const {
  return auth::verify_with(*share_, text, signature);
}

// ---- signing_key

signing_key signing_key::make(jws_algorithm algorithm, std::string id) {
  random_bytes(1);
  key_material* made = nullptr;
  switch (algorithm) {
    case jws_algorithm::hs256: return from_secret(std::move(id), random_bytes(least_secret));
    case jws_algorithm::rs256:
      made = new key_material(algorithm, key_owner(EVP_RSA_gen(3072)));
      break;
    case jws_algorithm::es256:
      made = new key_material(algorithm, key_owner(EVP_EC_gen("P-256")));
      break;
    case jws_algorithm::eddsa: {
      const auto seed = random_bytes(ed25519_bytes);
      made = ed25519_material(ed25519_of_seed(seed), &seed);
    }
  }
  detail::key_share share(made);
  if (algorithm != jws_algorithm::eddsa && !made->key) throw error("a key cannot be made");
  made->is_private = true;
  return signing_key(verification_key(std::move(id), std::move(share)));
}

signing_key signing_key::from_secret(std::string id, std::string_view bytes) {
  if (bytes.size() < least_secret) {
    throw configuration_error("a secret for HS256 has at least 32 bytes");
  }
  auto* made = new key_material(jws_algorithm::hs256, std::string(bytes));
  made->is_private = true;
  return signing_key(verification_key(std::move(id), detail::key_share(made)));
}

signing_key signing_key::from_jwk(std::string_view json) {
  auto members = read_members(json);
  if (!members) throw configuration_error("a key for tokens: " + members.reason());
  try {
    return signing_key(verification_key(members->kid.value_or(""),
                                        detail::key_share(material_of(*members, true))));
  } catch (const unusable& because) {
    throw configuration_error("a key for tokens: " + because.why);
  }
}

signing_key signing_key::from_pem(jws_algorithm algorithm, std::string id, std::string_view pem) {
  try {
    return signing_key(
        verification_key(std::move(id), detail::key_share(material_of_pem(algorithm, pem, true))));
  } catch (const unusable& because) {
    throw configuration_error("a key for tokens: " + because.why);
  }
}

secret_text signing_key::to_jwk() const {
  return secret_text(json::write(members_of(id(), *public_part_.share_, true)));
}

std::string signing_key::sign(std::string_view text) const {
  return auth::sign_with(*public_part_.share_, text);
}

}  // namespace aft
