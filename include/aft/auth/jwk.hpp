#pragma once
// Keys that sign and check: JSON Web Keys (RFC 7517), each for one algorithm and no other.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/result.hpp>
#include <aft/storage/sealed.hpp>

namespace aft {

// There is no value for "none": a key that does not sign cannot be said.
enum class jws_algorithm : std::uint8_t { hs256, rs256, es256, eddsa };
std::string_view to_string(jws_algorithm);  // "HS256", "RS256", "ES256", "EdDSA"

namespace detail {
struct key_material;
// Shared by the copies of a key; wiped when the last of them goes.
class key_share {
 public:
  explicit key_share(const key_material* first) : material_(first) {}
  key_share(const key_share&);
  key_share(key_share&& other) noexcept : material_(other.material_) { other.material_ = nullptr; }
  key_share& operator=(key_share other) noexcept {
    const auto* mine = material_;
    material_ = other.material_;
    other.material_ = mine;
    return *this;
  }
  ~key_share();
  const key_material& operator*() const { return *material_; }

 private:
  const key_material* material_;
};
}  // namespace detail

// What checks signatures: a public key, or for HS256 the secret itself. Its algorithm is fixed when
// it is made, by us or by the JWK, never by a token; RSA keys have 2048 to 8192 bits, points must
// lie on their curve. A value; const from any thread.
class verification_key {
 public:
  // Of a JWK: {"kty":"OKP","crv":"Ed25519","x":"...","kid":"..."}. The reason says in one sentence
  // why it is of no use here: another algorithm, "use":"enc", "key_ops" without "verify".
  static result<verification_key, std::string> from_jwk(std::string_view json);
  // Of a "-----BEGIN PUBLIC KEY-----"; not for HS256. Throws configuration_error.
  static verification_key from_pem(jws_algorithm, std::string id, std::string_view pem);

  const std::string& id() const { return id_; }  // the "kid"; may be empty
  jws_algorithm algorithm() const;
  bool is_public() const { return algorithm() != jws_algorithm::hs256; }
  std::string to_jwk() const;  // throws aft::error for a secret
  bool verify(std::string_view text, std::string_view signature) const;

 private:
  friend class signing_key;
  verification_key(std::string id, detail::key_share share)
      : id_(std::move(id)), share_(std::move(share)) {}
  std::string id_;
  detail::key_share share_;
};

// What signs. A value; const from any thread.
class signing_key {
 public:
  static signing_key make(jws_algorithm, std::string id);  // RS256: 3072 bits
  // HS256 with a secret of at least 32 bytes of randomness. Throws configuration_error for less.
  static signing_key from_secret(std::string id, std::string_view bytes);
  // Of a JWK with its private part, or of a "-----BEGIN PRIVATE KEY-----". Both throw
  // configuration_error, which never says what the key is.
  static signing_key from_jwk(std::string_view json);
  static signing_key from_pem(jws_algorithm, std::string id, std::string_view pem);

  const std::string& id() const { return public_part_.id(); }
  jws_algorithm algorithm() const { return public_part_.algorithm(); }
  const verification_key& public_part() const { return public_part_; }
  secret_text to_jwk() const;  // with the private part
  std::string sign(std::string_view text) const;

 private:
  explicit signing_key(verification_key key) : public_part_(std::move(key)) {}
  verification_key public_part_;
};

// The keys of one who signs, each with an id of its own. A value; const from any thread.
class jwk_set {
 public:
  jwk_set() = default;
  explicit jwk_set(std::vector<verification_key> keys) : keys_(std::move(keys)) {}

  // Of {"keys":[...]}. Keys of no use here are left out, as RFC 7517 section 5 asks; the reason is
  // for what is no such document, or has more than 100 keys.
  static result<jwk_set, std::string> from_json(std::string_view json);
  // The public keys alone: a secret is never in it.
  std::string to_json() const;

  const std::vector<verification_key>& keys() const { return keys_; }
  bool has(std::string_view id) const;

 private:
  std::vector<verification_key> keys_;
};

}  // namespace aft
