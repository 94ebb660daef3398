#pragma once
// What users do with their second factor and their API keys, whether by routes or by pages.

#include <string>
#include <vector>

#include <aft/auth/credential_routes.hpp>

namespace aft::auth {

struct wanted_key {
  std::string name;
  std::vector<std::string> scopes{};
  int days = 90;
};

// Const from any thread. All but `watch` are as in add_totp_routes() and add_api_key_routes().
class credential_desk {
 public:
  explicit credential_desk(credential_watch watch) : watch_(std::move(watch)) {}

  result<totp_setup, problem> begin_totp(transaction& tx, const totp& second,
                                         const credential_owner& who) const;
  // The recovery codes.
  result<std::vector<std::string>, problem> confirm_totp(transaction& tx, const request& r,
                                                         const totp& second,
                                                         const credential_owner& who,
                                                         std::string_view code) const;
  std::optional<problem> remove_totp(transaction& tx, const request& r, const totp& second,
                                     const credential_owner& who, std::string_view code) const;
  result<std::vector<std::string>, problem> new_codes(transaction& tx, const request& r,
                                                      const totp& second,
                                                      const credential_owner& who,
                                                      std::string_view code) const;

  result<new_api_key, problem> make_key(transaction& tx, const request& r, const api_keys& keys,
                                        const credential_owner& who, const wanted_key& what) const;
  std::optional<problem> revoke_key(transaction& tx, const request& r, const credential_owner& who,
                                    std::int64_t id) const;

 private:
  void tell(transaction& tx, const request& r, credential_change_kind kind,
            const credential_owner& who, std::int64_t key = 0) const {
    if (watch_) watch_(tx, r, {kind, who.subject, key});
  }
  const credential_watch watch_;
};

// Of a code that was not accepted.
problem refusal_of_code(totp_verdict verdict);

}  // namespace aft::auth
