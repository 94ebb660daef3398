#include <aft/auth/accounts.hpp>

#include <algorithm>

#include <aft/auth/sessions.hpp>
#include <aft/ground/text.hpp>

namespace aft::auth {
namespace {

constexpr std::size_t longest_email = 254;

bool is_taken(reader& db, std::string_view key, std::int64_t but) {
  return db
      .find<std::int64_t>("select id from aft_account where email_key = $1 and id <> $2", key, but)
      .has_value();
}

bool is_email(std::string_view text) {
  return text.size() <= longest_email && aft::detail::is_email(text);
}

}  // namespace

std::string email_key(std::string_view email) {
  std::string key(email);
  for (char& c : key) {
    if (c >= 'A' && c <= 'Z') c = char(c + 32);
  }
  return key;
}

result<account, account_refusal> add_account(transaction& tx, const new_account& from) {
  if (!is_email(from.email)) return account_refusal::not_an_email;
  const auto now = tx.now();
  const auto verified = from.verified ? std::optional(now) : std::nullopt;
  const auto made = tx.find<account>(
      "insert into aft_account (email, email_key, password, verified_at, roles, tenant, disabled, "
      "created_at) values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (email_key) do nothing "
      "returning *",
      from.email, email_key(from.email), from.password_hash, verified, from.roles, from.tenant,
      false, now);
  if (!made) return account_refusal::email_taken;
  return *made;
}

std::optional<account> find_account(reader& db, std::int64_t id) {
  return db.find<account>("select * from aft_account where id = $1", id);
}
std::optional<account> find_account(reader& db, std::string_view email) {
  return db.find<account>("select * from aft_account where email_key = $1", email_key(email));
}

std::vector<account> list_accounts(reader& db, std::int64_t after_id, std::size_t most) {
  return db.all<account>("select * from aft_account where id > $1 order by id limit $2", after_id,
                         std::min<std::size_t>(most, 1000));
}

std::string password_of(reader& db, std::string_view email) {
  return db
      .find<std::string>("select password from aft_account where email_key = $1", email_key(email))
      .value_or("");
}
std::string password_of(reader& db, std::int64_t id) {
  return db.find<std::string>("select password from aft_account where id = $1", id).value_or("");
}

bool set_roles(transaction& tx, std::int64_t id, const std::vector<std::string>& roles) {
  if (!tx.execute("update aft_account set roles = $2 where id = $1", id, roles)) return false;
  end_sessions(tx, id);
  return true;
}

bool set_disabled(transaction& tx, std::int64_t id, bool disabled) {
  if (!tx.execute("update aft_account set disabled = $2 where id = $1", id, disabled)) return false;
  if (disabled) end_sessions(tx, id);
  return true;
}

bool set_password(transaction& tx, std::int64_t id, std::string_view password_hash) {
  return tx.execute("update aft_account set password = $2 where id = $1", id, password_hash) == 1;
}

bool set_tenant(transaction& tx, std::int64_t id, std::int64_t tenant) {
  if (!tx.execute("update aft_account set tenant = $2 where id = $1", id, tenant)) return false;
  end_sessions(tx, id);
  return true;
}

bool set_verified(transaction& tx, std::int64_t id) {
  return tx.execute("update aft_account set verified_at = coalesce(verified_at, $2) where id = $1",
                    id, tx.now()) == 1;
}

result<account, account_refusal> set_email(transaction& tx, std::int64_t id,
                                           std::string_view email) {
  if (!is_email(email)) return account_refusal::not_an_email;
  const auto key = email_key(email);
  if (is_taken(tx, key, id)) return account_refusal::email_taken;
  return tx.one<account>(
      "update aft_account set email = $2, email_key = $3, verified_at = $4 where id = $1 "
      "returning *",
      id, email, key, tx.now());
}

bool erase_account(transaction& tx, std::int64_t id) {
  tx.notify(sessions_topic);
  const auto subject = std::to_string(id);
  tx.execute("delete from aft_identity where account = $1", subject);
  tx.execute("delete from aft_api_key where subject = $1", subject);
  tx.execute("delete from aft_refresh_token where subject = $1", subject);
  tx.execute("delete from aft_totp where subject = $1", subject);
  tx.execute("delete from aft_recovery_code where subject = $1", subject);
  return tx.execute("delete from aft_account where id = $1", id) == 1;
}

}  // namespace aft::auth
