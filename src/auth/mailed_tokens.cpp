#include <aft/auth/mailed_tokens.hpp>

#include <aft/ground/random.hpp>

#include "token_hash.hpp"

namespace aft::auth {
namespace {

struct mailed_row {
  int purpose;
  std::optional<std::int64_t> account;
  std::string email, password;
  time_point expires_at;
};

std::optional<mailed_token> valid(std::optional<mailed_row>&& row, time_point now) {
  if (!row || row->expires_at <= now) return {};
  return mailed_token{token_purpose(row->purpose), row->account, std::move(row->email),
                      std::move(row->password)};
}

}  // namespace

std::string make_mailed_token(transaction& tx, const mailed_token& what, duration valid_for) {
  const auto now = tx.now();
  tx.execute("delete from aft_mailed_token where expires_at <= $1", now);
  if (what.account) {
    tx.execute("delete from aft_mailed_token where account = $1 and purpose = $2", *what.account,
               int(what.purpose));
  }
  auto token = random_token();
  tx.execute(
      "insert into aft_mailed_token (token_hash, purpose, account, email, password, expires_at) "
      "values ($1, $2, $3, $4, $5, $6)",
      token_hash(token), int(what.purpose), what.account, what.email, what.password_hash,
      now + valid_for);
  return token;
}

std::optional<mailed_token> find_mailed_token(reader& db, std::string_view token) {
  return valid(db.find<mailed_row>("select * from aft_mailed_token where token_hash = $1",
                                   token_hash(token)),
               db.now());
}

std::optional<mailed_token> use_mailed_token(transaction& tx, std::string_view token) {
  return valid(tx.find<mailed_row>("delete from aft_mailed_token where token_hash = $1 returning *",
                                   token_hash(token)),
               tx.now());
}

void void_mailed_tokens(transaction& tx, std::int64_t account) {
  tx.execute("delete from aft_mailed_token where account = $1", account);
}

}  // namespace aft::auth
