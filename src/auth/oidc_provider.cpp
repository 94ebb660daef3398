#include "oidc_provider.hpp"

#include <aft/ground/json.hpp>

namespace aft::auth {
namespace {

// OpenID Connect Discovery 1.0 section 3.
struct discovery_document {
  std::string issuer, authorization_endpoint, token_endpoint, jwks_uri;
  std::optional<bool> authorization_response_iss_parameter_supported;
};

bool is_https(std::string_view url) { return url.starts_with("https://") && url.size() > 8; }

constexpr duration keys_least = minutes(1);

}  // namespace

result<std::string, oidc_refusal> oidc_provider::get(const std::string& url) const {
  auto answer = fetch_({"GET", url, {}, {}});
  if (answer.status != 200) return oidc_refusal::provider_down;
  return std::move(answer.body);
}

result<provider_addresses, oidc_refusal> oidc_provider::addresses() {
  {
    std::lock_guard lock(mutex_);
    if (addresses_ && time_.now() < addresses_until_) return *addresses_;
  }
  const auto& issuer = options_.issuer;
  const auto text =
      get(issuer + (issuer.ends_with('/') ? "" : "/") + ".well-known/openid-configuration");
  if (!text) return text.reason();
  auto d = json::read<discovery_document>(*text, {.ignore_unknown = true});
  if (!d || d->issuer != issuer || !is_https(d->authorization_endpoint) ||
      !is_https(d->token_endpoint) || !is_https(d->jwks_uri)) {
    return oidc_refusal::provider_wrong;
  }
  provider_addresses found{d->authorization_endpoint, d->token_endpoint, d->jwks_uri,
                           d->authorization_response_iss_parameter_supported.value_or(false)};
  std::lock_guard lock(mutex_);
  addresses_ = found;
  addresses_until_ = time_.now() + options_.keys_for;
  return found;
}

result<jwk_set, oidc_refusal> oidc_provider::keys(std::string_view kid) {
  const auto now = time_.now();
  {
    std::lock_guard lock(mutex_);
    const bool fresh = keys_ && now < keys_until_;
    if (fresh && (kid.empty() || keys_->has(kid) || now < keys_again_from_)) return *keys_;
  }
  const auto where = addresses();
  if (!where) return where.reason();
  const auto text = get(where->jwks_uri);
  if (!text) return text.reason();
  const auto all = jwk_set::from_json(*text);
  if (!all) return oidc_refusal::provider_wrong;
  std::vector<verification_key> of_both_halves;  // a secret that is published is none
  for (const auto& key : all->keys()) {
    if (key.is_public()) of_both_halves.push_back(key);
  }
  std::lock_guard lock(mutex_);
  keys_ = jwk_set(std::move(of_both_halves));
  keys_until_ = now + options_.keys_for;
  keys_again_from_ = now + keys_least;
  return *keys_;
}

}  // namespace aft::auth
