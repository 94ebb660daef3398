#pragma once
// Ready routes by which users look after their second factor and their API keys. With app.use
// (accounts) they are mounted by accounts::second_factor_keys and accounts::api_keys.

#include <cstdint>
#include <string>
#include <vector>

#include <aft/auth/api_key.hpp>
#include <aft/auth/audit.hpp>
#include <aft/auth/totp.hpp>
#include <aft/ground/function.hpp>
#include <aft/ground/problem.hpp>
#include <aft/ground/result.hpp>
#include <aft/http/routes.hpp>

namespace aft {

// Whose keys and codes they are.
struct credential_owner {
  std::string subject;                // an account's id
  std::string name{};                 // what an authenticator app shows; empty: the subject
  std::vector<std::string> scopes{};  // that their API keys may be given
};

// Who asks. A problem (401) for nobody, or for a session that is not fresh. Called for each
// request, on the writer: no waiting.
using owner_of_request = function<result<credential_owner, problem>(const request&, reader&)>;

enum class credential_change_kind : std::uint8_t {
  second_factor_on,
  second_factor_off,
  recovery_codes_made,
  api_key_made,
  api_key_revoked,
};
struct credential_change {
  credential_change_kind kind;
  std::string subject;
  std::int64_t key = 0;  // its id, where it is about an API key
};
// Told of each, in its transaction; must not wait.
using credential_watch = function<void(transaction&, const request&, const credential_change&)>;

// Notes them in an audit log, which must outlive the routes.
credential_watch noted_in(const audit_log& audit);

// GET /totp           {"on": false, "recovery_codes": 0}
// POST /totp          begins: {"secret": ..., "url": "otpauth://..."}; 409 where it is on
// POST /totp/confirm  {"code"}: on from now on; {"recovery_codes": [...]}, shown once
// POST /totp/remove   {"code"}, of the app or a recovery code: off
// POST /recovery-codes {"code"}, of the app: new ones, the old ones are void
// A wrong code is 422 and counts; too many are 429 with Retry-After. `second` and `whose` must
// outlive the routes.
//   aft::add_totp_routes(app.group("/account"), second, whose);
void add_totp_routes(routes to, const totp& second, const owner_of_request& whose,
                     credential_watch watch = {});

// GET /api-keys           the user's keys, without the keys themselves
// POST /api-keys          {"name", "scopes", "days"}: 201 with the key, shown once
// DELETE /api-keys/{id}   revokes
// Scopes beyond those of the owner are refused with 422.
void add_api_key_routes(routes to, const api_keys& keys, const owner_of_request& whose,
                        credential_watch watch = {});

// Who asks by an API key: from the header X-Api-Key, or "Authorization: Bearer". 401 where there is
// none, or none that is good; its use is noted where `db` writes, see api_keys::note_use.
result<api_key, problem> api_key_of(const request& r, reader& db, const api_keys& keys);

}  // namespace aft
