#include <aft/client/webhook.hpp>

#include <charconv>

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/random.hpp>

namespace aft {
namespace {

constexpr std::string_view secret_prefix = "whsec_";
constexpr std::string_view signature_prefix = "v1,";

}  // namespace

webhook_signer::webhook_signer(const std::vector<std::string>& secrets, duration tolerance)
    : tolerance_(tolerance) {
  for (const auto& secret : secrets) {
    std::string key;
    if (!secret.starts_with(secret_prefix) ||
        !from_base64(std::string_view(secret).substr(secret_prefix.size()), key) ||
        key.size() < 24 || key.size() > 64) {
      throw error(
          "a secret of webhooks is \"whsec_\" and base64 of 24 to 64 bytes; make one with "
          "webhook_signer::new_secret()");
    }
    keys_.push_back(std::move(key));
  }
  if (keys_.empty()) throw error("webhooks are signed with at least one secret");
}

std::string webhook_signer::new_secret() {
  return std::string(secret_prefix) + to_base64(random_bytes(32));
}

std::string webhook_signer::signature(std::string_view key, std::string_view id,
                                      std::string_view timestamp, std::string_view body) const {
  std::string text;
  text.reserve(id.size() + timestamp.size() + body.size() + 2);
  text.append(id).append(".").append(timestamp).append(".").append(body);
  return to_base64(hmac_sha256(key, text));
}

std::vector<std::pair<std::string, std::string>> webhook_signer::sign(std::string_view id,
                                                                      time_point now,
                                                                      std::string_view body) const {
  const auto timestamp = std::to_string(now.since_1970().in_seconds());
  std::string all;
  for (const auto& key : keys_) {
    if (!all.empty()) all += ' ';
    all.append(signature_prefix).append(signature(key, id, timestamp, body));
  }
  return {{"webhook-id", std::string(id)},
          {"webhook-timestamp", timestamp},
          {"webhook-signature", all}};
}

result<std::string, webhook_refusal> webhook_signer::verify(const request& r,
                                                            time_point now) const {
  return verify(r.header("webhook-id").value_or(""), r.header("webhook-timestamp").value_or(""),
                r.header("webhook-signature").value_or(""), r.body(), now);
}

result<std::string, webhook_refusal> webhook_signer::verify(std::string_view id,
                                                            std::string_view timestamp,
                                                            std::string_view signatures,
                                                            std::string_view body,
                                                            time_point now) const {
  if (id.empty()) return webhook_refusal::missing_id;
  if (timestamp.empty()) return webhook_refusal::missing_timestamp;
  if (signatures.empty()) return webhook_refusal::missing_signature;
  std::int64_t sent = 0;
  const auto* end = timestamp.data() + timestamp.size();
  const auto read = std::from_chars(timestamp.data(), end, sent);
  if (read.ec != std::errc() || read.ptr != end || sent < 0) return webhook_refusal::bad_timestamp;
  const auto age = now.since_1970().in_seconds() - sent;
  if (age > tolerance_.in_seconds()) return webhook_refusal::too_old;
  if (-age > tolerance_.in_seconds()) return webhook_refusal::too_new;

  bool found = false;
  for (const auto& key : keys_) {
    const auto right = signature(key, id, timestamp, body);
    for (auto rest = signatures; !rest.empty();) {
      const auto space = rest.find(' ');
      const auto one = rest.substr(0, space);
      rest = space == rest.npos ? std::string_view() : rest.substr(space + 1);
      if (!one.starts_with(signature_prefix)) continue;  // of another scheme
      found |= equal_in_constant_time(one.substr(signature_prefix.size()), right);
    }
  }
  if (!found) return webhook_refusal::wrong_signature;
  return std::string(id);
}

std::string_view to_string(webhook_refusal why) {
  switch (why) {
    case webhook_refusal::missing_id: return "missing_id";
    case webhook_refusal::missing_timestamp: return "missing_timestamp";
    case webhook_refusal::missing_signature: return "missing_signature";
    case webhook_refusal::bad_timestamp: return "bad_timestamp";
    case webhook_refusal::too_old: return "too_old";
    case webhook_refusal::too_new: return "too_new";
    case webhook_refusal::wrong_signature: return "wrong_signature";
  }
  return "";
}

}  // namespace aft
