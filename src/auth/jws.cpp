#include <aft/auth/jws.hpp>

#include <aft/ground/encoding.hpp>
#include <aft/ground/json.hpp>

namespace aft {
namespace {

struct jws_head {
  std::string alg;
  std::optional<std::string> kid, typ;
  std::optional<raw_json> crit, b64;
};

struct written_jws_head {
  std::string alg;
  std::optional<std::optional<std::string>> kid, typ;
};

struct jws_parts {
  std::string_view text, head, payload, signature;
};

std::optional<jws_parts> split(std::string_view compact) {
  const auto first = compact.find('.'), second = compact.find('.', first + 1);
  if (first == compact.npos || second == compact.npos) return {};
  if (compact.find('.', second + 1) != compact.npos) return {};
  return jws_parts{compact.substr(0, second), compact.substr(0, first),
                   compact.substr(first + 1, second - first - 1), compact.substr(second + 1)};
}

bool may_be_of(const verification_key& key, const jws_head& head) {
  return to_string(key.algorithm()) == head.alg &&
         (!head.kid || key.id().empty() || key.id() == *head.kid);
}

}  // namespace

std::string sign_text(const signing_key& key, std::string_view payload, std::string_view type) {
  written_jws_head head{.alg = std::string(to_string(key.algorithm())), .kid = {}, .typ = {}};
  if (!key.id().empty()) head.kid = key.id();
  if (!type.empty()) head.typ = std::string(type);
  const auto text = to_base64url(json::write(head)) + "." + to_base64url(payload);
  return text + "." + to_base64url(key.sign(text));
}

result<signed_text, jws_refusal> verify_text(std::string_view compact, const jwk_set& keys,
                                             std::size_t max_bytes) {
  if (compact.size() > max_bytes) return jws_refusal::malformed;
  const auto parts = split(compact);
  std::string head_text, signature, payload;
  if (!parts || !from_base64url(parts->head, head_text) ||
      !from_base64url(parts->payload, payload) || !from_base64url(parts->signature, signature)) {
    return jws_refusal::malformed;
  }
  const auto head = json::read<jws_head>(head_text, {.ignore_unknown = true});
  if (!head || head->crit || head->b64) return jws_refusal::malformed;
  bool known = false;
  for (const auto& key : keys.keys()) {
    if (!may_be_of(key, *head)) continue;
    known = true;
    if (key.verify(parts->text, signature)) {
      return signed_text{std::move(payload), head->typ.value_or(""), head->kid.value_or("")};
    }
  }
  return known ? jws_refusal::wrong_signature : jws_refusal::unknown_key;
}

}  // namespace aft
