#include "imported_hash.hpp"

#include <crypt.h>
#include <openssl/evp.h>
#include <sodium.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include <aft/ground/encoding.hpp>
#include <aft/ground/random.hpp>

namespace aft::auth {
namespace {

constexpr std::size_t bcrypt_length = 60, max_bcrypt_password = 72;
constexpr int max_bcrypt_cost = 16;              // seconds
constexpr std::int64_t max_rounds = 10'000'000;  // of PBKDF2; seconds too
constexpr std::size_t max_imported_hash = 512;

bool is_bcrypt(std::string_view hash) {
  return hash.starts_with("$2a$") || hash.starts_with("$2b$") || hash.starts_with("$2y$");
}

// bcrypt takes 72 bytes and ends at a zero: what is longer is cut by all that make such hashes.
bool verify_bcrypt(std::string_view hash, std::string_view password) {
  if (hash.size() != bcrypt_length || password.find('\0') != password.npos) return false;
  int cost = 0;
  std::from_chars(hash.data() + 4, hash.data() + 6, cost);
  if (cost < 4 || cost > max_bcrypt_cost) return false;
  std::string text(password.substr(0, max_bcrypt_password));
  const std::string stored(hash);
  const auto memory = std::make_unique<crypt_data>();
  const char* made = crypt_r(text.c_str(), stored.c_str(), memory.get());
  const bool matches = made && equal_in_constant_time(made, stored);
  sodium_memzero(text.data(), text.size());
  sodium_memzero(memory.get(), sizeof *memory);
  return matches;
}

std::vector<std::string_view> split_at_dollars(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find('$', at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

const EVP_MD* digest_named(std::string_view name) {
  if (name == "sha1") return EVP_sha1();
  if (name == "sha256") return EVP_sha256();
  if (name == "sha512") return EVP_sha512();
  return nullptr;
}

// Base64 with or without padding, with passlib's "." for "+".
bool decode_any_base64(std::string_view text, std::string& bytes) {
  std::string plain(text);
  while (!plain.empty() && plain.back() == '=') plain.pop_back();
  for (auto& c : plain) {
    if (c == '.' || c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return from_base64url(plain, bytes) && !bytes.empty();
}

// "600000", or "i=600000,l=32".
std::int64_t rounds_of(std::string_view text) {
  if (text.starts_with("i=")) text.remove_prefix(2);
  text = text.substr(0, text.find(','));
  std::int64_t rounds = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), rounds);
  const bool whole = read.ec == std::errc() && read.ptr == text.data() + text.size();
  return whole && rounds <= max_rounds ? rounds : 0;
}

struct pbkdf2_hash {
  const EVP_MD* digest = nullptr;
  std::int64_t rounds = 0;
  std::string salt{}, hash{};
};

bool verify_pbkdf2(const pbkdf2_hash& h, std::string_view password) {
  std::string made(h.hash.size(), '\0');
  return PKCS5_PBKDF2_HMAC(password.data(), int(password.size()),
                           reinterpret_cast<const unsigned char*>(h.salt.data()),
                           int(h.salt.size()), int(h.rounds), h.digest, int(made.size()),
                           reinterpret_cast<unsigned char*>(made.data())) == 1 &&
         equal_in_constant_time(made, h.hash);
}

// "pbkdf2_sha256$600000$salt$hash": the salt is text.
pbkdf2_hash read_django(const std::vector<std::string_view>& parts) {
  pbkdf2_hash h{digest_named(parts[0].substr(7)), rounds_of(parts[1]), std::string(parts[2])};
  if (!decode_any_base64(parts[3], h.hash)) h.rounds = 0;
  return h;
}

// "$pbkdf2-sha256$i=600000,l=32$salt$hash": both are base64.
pbkdf2_hash read_phc(const std::vector<std::string_view>& parts) {
  const auto name = parts[1] == "pbkdf2" ? "sha1" : parts[1].substr(7);
  pbkdf2_hash h{digest_named(name), rounds_of(parts[2])};
  if (!decode_any_base64(parts[3], h.salt) || !decode_any_base64(parts[4], h.hash)) h.rounds = 0;
  return h;
}

}  // namespace

std::optional<bool> verify_imported(std::string_view hash, std::string_view password) {
  if (is_bcrypt(hash)) return verify_bcrypt(hash, password);
  const bool django = hash.starts_with("pbkdf2_"), phc = hash.starts_with("$pbkdf2");
  if (!django && !phc) return {};
  const auto parts = split_at_dollars(hash);
  if (hash.size() > max_imported_hash || parts.size() != (django ? 4u : 5u)) return false;
  const auto h = django ? read_django(parts) : read_phc(parts);
  if (!h.digest || h.rounds < 1 || h.salt.empty() || h.hash.size() < 16) return false;
  return verify_pbkdf2(h, password);
}

}  // namespace aft::auth
