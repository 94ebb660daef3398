#pragma once
// Accounts: who may log in, and as what.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/result.hpp>
#include <aft/ground/time.hpp>
#include <aft/storage/migration.hpp>
#include <aft/storage/reader.hpp>
#include <aft/storage/transaction.hpp>

namespace aft::auth {

struct account {
  std::int64_t id = 0;  // never that of another one, also of one that was erased
  std::string email{};  // as it was given; no two differ in the case of letters alone
  std::optional<time_point> verified_at{};  // when its owner proved that the address is theirs
  std::vector<std::string> roles{};
  std::int64_t tenant = 0;  // whom it belongs to, where an app serves several; 0: nobody
  bool disabled = false;    // cannot log in, and its sessions do not count
  time_point created_at{};
};

struct new_account {
  std::string email;
  std::string password_hash;  // as store_password() makes it; empty: no password lets it in
  bool verified = false;
  std::vector<std::string> roles{};
  std::int64_t tenant = 0;
};

enum class account_refusal : std::uint8_t {
  email_taken,
  not_an_email,
};

// All of these work in the transaction, or on the view, that they are given.
result<account, account_refusal> add_account(transaction& tx, const new_account& from);
std::optional<account> find_account(reader& db, std::int64_t id);
std::optional<account> find_account(reader& db, std::string_view email);  // whatever its case
std::vector<account> list_accounts(reader& db, std::int64_t after_id = 0, std::size_t most = 100);

// The stored password of an account; empty where there is none.
std::string password_of(reader& db, std::string_view email);
std::string password_of(reader& db, std::int64_t id);

// These return whether there is such an account. What an account may do is asked at each request,
// so that they hold from the next one on, on all nodes.
//
// Other roles end all sessions of the account: nobody goes on with a token from before.
bool set_roles(transaction& tx, std::int64_t id, const std::vector<std::string>& roles);
bool set_disabled(transaction& tx, std::int64_t id, bool disabled);  // ends its sessions, too
bool set_password(transaction& tx, std::int64_t id, std::string_view password_hash);
bool set_tenant(transaction& tx, std::int64_t id, std::int64_t tenant);
bool set_verified(transaction& tx, std::int64_t id);
result<account, account_refusal> set_email(transaction& tx, std::int64_t id,
                                           std::string_view email);  // proven by its owner
bool erase_account(transaction& tx, std::int64_t id);  // with its sessions, keys and codes

// What no two accounts share.
std::string email_key(std::string_view email);

// The tables of this room; app::use applies them. Their names begin with aft_.
std::vector<migration> migrations();

}  // namespace aft::auth
