// Checks signed tokens that others made: reads lines {"jwk":{...}|{"keys":[...]},"jws":"..."} and
// prints for each the payload in base64url, or "invalid".

#include <iostream>
#include <string>

#include <aft/auth/jws.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/json.hpp>

namespace {

struct line_of_input {
  aft::raw_json jwk, jws;
};
struct maybe_a_set {
  std::optional<aft::raw_json> keys;
};

aft::jwk_set keys_of(const std::string& json) {
  const auto shape = aft::json::read<maybe_a_set>(json, {.ignore_unknown = true});
  if (shape && shape->keys) {
    auto set = aft::jwk_set::from_json(json);
    return set ? *std::move(set) : aft::jwk_set();
  }
  auto key = aft::verification_key::from_jwk(json);
  return key ? aft::jwk_set({*std::move(key)}) : aft::jwk_set();
}

std::string answer(const std::string& line) {
  const auto input = aft::json::read<line_of_input>(line, {.ignore_unknown = true});
  if (!input) return "invalid";
  const auto jws = aft::json::read<std::string>(input->jws.text);
  if (!jws) return "invalid";
  const auto text = aft::verify_text(*jws, keys_of(input->jwk.text), 1 << 20);
  return text ? aft::to_base64url(text->payload) : "invalid";
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) std::cout << answer(line) << std::endl;
}
