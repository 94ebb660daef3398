#pragma once
// What a client knows of its provider: addresses and keys, fetched and kept for a while.

#include <mutex>
#include <optional>

#include <aft/auth/jwk.hpp>
#include <aft/auth/oidc.hpp>

namespace aft::auth {

struct provider_addresses {
  std::string authorization_endpoint, token_endpoint, jwks_uri;
  bool names_itself = false;  // in its answers, RFC 9207
};

// Any thread. Nothing is fetched with the lock held.
class oidc_provider {
 public:
  oidc_provider(const oidc_options& options, const oidc_fetch& fetch, const clock& time)
      : options_(options), fetch_(fetch), time_(time) {}

  result<provider_addresses, oidc_refusal> addresses();
  // `kid`: of a token. Keys that are kept are fetched anew where they do not have it, but at most
  // once a minute, whatever tokens come.
  result<jwk_set, oidc_refusal> keys(std::string_view kid);

 private:
  result<std::string, oidc_refusal> get(const std::string& url) const;

  const oidc_options& options_;
  const oidc_fetch& fetch_;
  const clock& time_;
  std::mutex mutex_;
  std::optional<provider_addresses> addresses_;  // guarded by mutex_, as are the next
  std::optional<jwk_set> keys_;
  time_point addresses_until_{}, keys_until_{}, keys_again_from_{};
};

}  // namespace aft::auth
