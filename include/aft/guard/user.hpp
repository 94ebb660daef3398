#pragma once
// Who asks, as an argument of a handler. Needs app::use(accounts).
//   aft::user                 who is signed in; nobody is answered 401
//   aft::user_with<"admin">   who has that role; others are answered 403
//   aft::fresh_user           who has shown the password a short while ago; others are answered 403
//   aft::optional_user        either

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/problem.hpp>
#include <aft/ground/result.hpp>
#include <aft/http/arguments.hpp>
#include <aft/http/message.hpp>
#include <aft/http/policy.hpp>
#include <aft/storage/reader.hpp>
#include <aft/storage/sql_text.hpp>

namespace aft {

class guard;  // what app::use made: finds out who asks

// As the database has it at this request: a role that was taken away is gone.
struct user {
  std::int64_t id = 0;  // of the account
  std::string email{};
  bool verified = false;
  std::vector<std::string> roles{};
  std::vector<std::string> permissions{};  // by accounts::permissions, or those of a key
  std::int64_t tenant = 0;
  std::int64_t session = 0;  // 0: by a bearer token
  bool fresh = false;

  bool has_role(std::string_view role) const;
  bool may(std::string_view permission) const;
};

template <name Role>
struct user_with : user {};
struct fresh_user : user {};

struct optional_user {
  std::optional<user> value{};
  explicit operator bool() const { return value.has_value(); }
  const user& operator*() const { return *value; }
  const user* operator->() const { return &*value; }
};

// Which rows are somebody's: a condition for `where`, so that what is another's is not even read.
//   tasks.list(db, *q, aft::rows_of(me, {.owner = "owner"}));
//   db.find<task>(aft::sql_text("select * from task where id = $1 and", id)
//                     .add(aft::rows_of(me, {.owner = "owner", .tenant = "tenant"})));
struct ownership {
  std::string_view owner{};   // the column of the account's id; empty: whoever is of the tenant
  std::string_view tenant{};  // the column of the tenant's id; empty: there are none
  // Who has one of these roles has all rows, of the tenant where there is one.
  std::vector<std::string_view> all_for{};
};
// Throws aft::error where it names no column, which would be all rows.
sql_text rows_of(const user& u, const ownership& rule);

namespace detail {
std::optional<user> find_user(const guard& g, const request& r, reader& db);
result<user, problem> need_user(const guard& g, const request& r, reader& db,
                                const argument_policy& policy);
}  // namespace detail

template <>
struct from_request<user> {
  static constexpr argument_policy policy{admission::signed_in};
  static result<user, problem> from(const request& r, const guard& g, reader& db) {
    return detail::need_user(g, r, db, policy);
  }
};
template <name Role>
struct from_request<user_with<Role>> {
  static constexpr argument_policy policy{admission::signed_in, Role.view()};
  static result<user_with<Role>, problem> from(const request& r, const guard& g, reader& db) {
    auto found = detail::need_user(g, r, db, policy);
    if (!found) return std::move(found).reason();
    return user_with<Role>{*std::move(found)};
  }
};
template <>
struct from_request<fresh_user> {
  static constexpr argument_policy policy{admission::signed_in, {}, true};
  static result<fresh_user, problem> from(const request& r, const guard& g, reader& db) {
    auto found = detail::need_user(g, r, db, policy);
    if (!found) return std::move(found).reason();
    return fresh_user{*std::move(found)};
  }
};
template <>
struct from_request<optional_user> {
  static constexpr argument_policy policy{admission::anyone};
  static optional_user from(const request& r, const guard& g, reader& db) {
    return {detail::find_user(g, r, db)};
  }
};

}  // namespace aft
