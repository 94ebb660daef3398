#pragma once
// Finds out who asks, and enforces what routes state.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <aft/auth/api_key.hpp>
#include <aft/guard/accounts.hpp>
#include <aft/storage/database.hpp>

#include "../http/call.hpp"
#include "open_streams.hpp"

namespace aft {

namespace guarding {

// What was found out about a request.
struct visitor {
  std::optional<user> who;
  bool by_cookie = false;
  bool awaits_second = false;  // its session does
  std::int64_t session = 0;
  std::int64_t account = 0;
  std::int64_t api_key = 0;
  std::uint64_t as_of = 0;  // open_streams::moment() before it was looked up
};

// Who came with a session, and so may do what is the owner's alone: no API key may.
struct account_owner : user {};

bool is_safe(method m);

}  // namespace guarding

// Any thread, once the database is known.
class guard {
 public:
  explicit guard(accounts how);

  const accounts& options() const { return options_; }
  std::string_view session_cookie() const {
    return options_.secure_cookies ? "__Host-session" : "session";
  }
  std::string_view device_cookie() const {
    return options_.secure_cookies ? "__Host-device" : "device";
  }
  std::string_view login_cookie() const {  // of one that goes on elsewhere
    return options_.secure_cookies ? "__Host-oidc" : "oidc";
  }

  void use(database& db, guarding::open_streams& streams, bool origins_have_credentials) {
    db_ = &db;
    streams_ = &streams;
    origins_have_credentials_ = origins_have_credentials;
  }
  database& db() const { return *db_; }

  const totp* second_factor() const { return second_factor_ ? &*second_factor_ : nullptr; }
  const api_keys* keys() const { return keys_ ? &*keys_ : nullptr; }

  // Asked for once for each request.
  std::shared_ptr<const guarding::visitor> visitor_of(const request& r, reader& db) const;

  // Throws a problem to refuse; see http::route_guard.
  void check(http::call& c, reader& db) const;

  // Lets an answer that goes on end with the session that it began under; see http::route_guard.
  void hold(http::call& c) const;

  // The problem, where who asks does not fit.
  std::optional<problem> refusal(const guarding::visitor& v, const route_policy& policy) const;

  user user_of(const auth::found_session& s) const;
  // Who fits the policy, and came with a session.
  result<user, problem> need_owner(const request& r, reader& db,
                                   const argument_policy& policy) const;

  // Names and values of Set-Cookie.
  std::string set_session(std::string_view token) const;
  std::string set_device(std::string_view token) const;
  std::string clear_session() const;
  std::string set_login(std::string_view sealed) const;
  std::string clear_login() const;

 private:
  guarding::visitor find_visitor(const request& r, reader& db) const;
  guarding::visitor find_by_key(reader& db, std::string_view token) const;
  std::vector<std::string> permissions_of(const std::vector<std::string>& roles) const;
  void submit(function<void(transaction&)> work) const;
  void touch(const auth::session& s, time_point now) const;
  void check_csrf(http::call& c) const;
  std::string cookie(std::string_view name, std::string_view value, duration age) const;

  accounts options_;
  std::optional<totp> second_factor_{};
  std::optional<api_keys> keys_{};
  database* db_ = nullptr;
  guarding::open_streams* streams_ = nullptr;
  bool origins_have_credentials_ = false;
};

template <>
struct from_request<guarding::account_owner> {
  static constexpr argument_policy policy{admission::signed_in};
  static result<guarding::account_owner, problem> from(const request& r, const guard& g,
                                                       reader& db) {
    auto found = g.need_owner(r, db, policy);
    if (!found) return std::move(found).reason();
    return guarding::account_owner{*std::move(found)};
  }
};

}  // namespace aft
