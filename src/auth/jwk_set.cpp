#include <aft/auth/jwk.hpp>

#include <aft/ground/json.hpp>

namespace aft {
namespace {

constexpr std::size_t max_keys_of_a_set = 100;

struct jwks_document {
  std::vector<raw_json> keys;
};

}  // namespace

result<jwk_set, std::string> jwk_set::from_json(std::string_view json) {
  const auto document = json::read<jwks_document>(json, {.ignore_unknown = true});
  if (!document) return std::string("it is not the JSON of a set of keys");
  if (document->keys.size() > max_keys_of_a_set) return std::string("it has too many keys");
  std::vector<verification_key> keys;
  for (const auto& text : document->keys) {
    if (auto key = verification_key::from_jwk(text.text)) keys.push_back(*std::move(key));
  }
  return jwk_set(std::move(keys));
}

std::string jwk_set::to_json() const {
  jwks_document document;
  for (const auto& key : keys_) {
    if (key.is_public()) document.keys.push_back({key.to_jwk()});
  }
  return json::write(document);
}

bool jwk_set::has(std::string_view id) const {
  for (const auto& key : keys_) {
    if (key.id() == id) return true;
  }
  return false;
}

}  // namespace aft
