#pragma once
// Ready routes by which users look after their second factor and their API keys.

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

// Who asks, as the subject that keys and codes belong to: an account's id. A problem (401) for
// nobody, or for a session that is not fresh. Called for each request, on the writer: no waiting.
using subject_of_request = function<result<std::string, problem>(const request&, reader&)>;

// GET /totp           {"on": false, "recovery_codes": 0}
// POST /totp          begins: {"secret": ..., "url": "otpauth://..."}; 409 where it is on
// POST /totp/confirm  {"code"}: on from now on; {"recovery_codes": [...]}, shown once
// POST /totp/remove   {"code"}, of the app or a recovery code: off
// POST /recovery-codes {"code"}, of the app: new ones, the old ones are void
// A wrong code is 422 and counts; too many are 429 with Retry-After. With an audit log all that
// changes something is noted. All of the arguments must outlive the routes.
//   aft::add_totp_routes(app.group("/account"), second, whose);
void add_totp_routes(routes to, const totp& second, const subject_of_request& whose,
                     const audit_log* audit = nullptr);

// GET /api-keys           the user's keys, without the keys themselves
// POST /api-keys          {"name", "scopes", "days"}: 201 with the key, shown once
// DELETE /api-keys/{id}   revokes
// Scopes beyond `allowed` are refused with 422.
void add_api_key_routes(routes to, const api_keys& keys, const subject_of_request& whose,
                        std::vector<std::string> allowed = {}, const audit_log* audit = nullptr);

// Who asks by an API key: from the header X-Api-Key, or "Authorization: Bearer". 401 where there is
// none, or none that is good; its use is noted where `db` writes, see api_keys::note_use.
result<api_key, problem> api_key_of(const request& r, reader& db, const api_keys& keys);

}  // namespace aft
