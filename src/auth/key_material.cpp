#include "key_material.hpp"

#include <sodium.h>

#include <aft/ground/digest.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/random.hpp>

namespace aft {
namespace detail {

key_material::~key_material() { sodium_memzero(bytes.data(), bytes.size()); }

key_share::key_share(const key_share& other) : material_(other.material_) {
  material_->shares.fetch_add(1, std::memory_order_relaxed);
}
key_share::~key_share() {
  if (material_ && material_->shares.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    delete material_;
  }
}

}  // namespace detail

namespace auth {
namespace {

constexpr std::size_t half_of_es256 = 32;

const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// As JOSE writes it: the two numbers behind one another.
std::string es256_from_der(std::string_view der) {
  const auto* at = octets(der);
  const ecdsa_owner signature(d2i_ECDSA_SIG(nullptr, &at, long(der.size())));
  std::string both(2 * half_of_es256, '\0');
  if (!signature ||
      BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), octets(both), half_of_es256) < 0 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), octets(both) + half_of_es256, half_of_es256) <
          0) {
    throw error("a signature cannot be written");
  }
  return both;
}

std::string es256_to_der(std::string_view both) {
  if (both.size() != 2 * half_of_es256) return {};
  number_owner r(BN_bin2bn(octets(both), half_of_es256, nullptr));
  number_owner s(BN_bin2bn(octets(both) + half_of_es256, half_of_es256, nullptr));
  const ecdsa_owner signature(ECDSA_SIG_new());
  if (!r || !s || !signature) throw error("no memory for a signature");
  ECDSA_SIG_set0(signature.get(), r.release(), s.release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return {};
  std::string text(reinterpret_cast<char*>(der), std::size_t(size));
  OPENSSL_free(der);
  return text;
}

std::string sign_by_openssl(EVP_PKEY* key, std::string_view text) {
  const digest_context_owner context(EVP_MD_CTX_new());
  std::size_t size = 0;
  std::string signature;
  if (!context || EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, octets(text), text.size()) != 1) {
    throw error("a token cannot be signed");
  }
  signature.resize(size);
  if (EVP_DigestSign(context.get(), octets(signature), &size, octets(text), text.size()) != 1) {
    throw error("a token cannot be signed");
  }
  signature.resize(size);
  return signature;
}

bool verify_by_openssl(EVP_PKEY* key, std::string_view text, std::string_view signature) {
  if (signature.empty()) return false;
  const digest_context_owner context(EVP_MD_CTX_new());
  const bool valid =
      context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
      EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(text),
                       text.size()) == 1;
  ERR_clear_error();
  return valid;
}

}  // namespace

std::string sign_with(const detail::key_material& key, std::string_view text) {
  switch (key.algorithm) {
    case jws_algorithm::hs256: return hmac_sha256(key.bytes, text);
    case jws_algorithm::rs256: return sign_by_openssl(key.key.get(), text);
    case jws_algorithm::es256: return es256_from_der(sign_by_openssl(key.key.get(), text));
    case jws_algorithm::eddsa: break;
  }
  unsigned char public_part[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
  crypto_sign_seed_keypair(public_part, secret, octets(key.bytes) + crypto_sign_PUBLICKEYBYTES);
  std::string signature(crypto_sign_BYTES, '\0');
  crypto_sign_detached(octets(signature), nullptr, octets(text), text.size(), secret);
  sodium_memzero(secret, sizeof secret);
  return signature;
}

bool verify_with(const detail::key_material& key, std::string_view text,
                 std::string_view signature) {
  switch (key.algorithm) {
    case jws_algorithm::hs256:
      return equal_in_constant_time(signature, hmac_sha256(key.bytes, text));
    case jws_algorithm::rs256: return verify_by_openssl(key.key.get(), text, signature);
    case jws_algorithm::es256:
      return verify_by_openssl(key.key.get(), text, es256_to_der(signature));
    case jws_algorithm::eddsa: break;
  }
  return signature.size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(octets(signature), octets(text), text.size(),
                                     octets(key.bytes)) == 0;
}

}  // namespace auth
}  // namespace aft
