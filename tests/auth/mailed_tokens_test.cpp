#include <aft/auth/mailed_tokens.hpp>

#include <doctest/doctest.h>

#include "account_base.hpp"

namespace auth = aft::auth;
using tx_ref = aft::transaction&;

namespace {
struct with_mail : account_base {
  auth::account a = add();
  std::string make(auth::token_purpose purpose = auth::token_purpose::reset_password) {
    return write([&](tx_ref tx) {
      return auth::make_mailed_token(tx, {purpose, a.id, a.email, {}}, aft::minutes(30));
    });
  }
  bool use(std::string_view token) {
    return write([&](tx_ref tx) { return auth::use_mailed_token(tx, token).has_value(); });
  }
};
}  // namespace

TEST_CASE_FIXTURE(with_mail, "a mailed token is good once") {
  const auto token = make();
  CHECK(token.size() == 43);
  CHECK(db.one<std::string>("select token_hash from aft_mailed_token") != token);
  const auto found = read([&](aft::reader& r) { return auth::find_mailed_token(r, token); });
  REQUIRE(found);
  CHECK(found->account == a.id);
  CHECK(found->email == a.email);
  CHECK(use(token));
  CHECK(!use(token));
}

TEST_CASE_FIXTURE(with_mail, "a mailed token is good for its time") {
  const auto token = make();
  time.advance(aft::minutes(30) - aft::seconds(1));
  CHECK(read([&](aft::reader& r) { return auth::find_mailed_token(r, token).has_value(); }));
  time.advance(aft::seconds(1));
  CHECK(!use(token));
}

TEST_CASE_FIXTURE(with_mail, "a new token makes those before of its purpose void") {
  const auto first = make(), confirm = make(auth::token_purpose::change_email), second = make();
  CHECK(!use(first));
  CHECK(use(confirm));
  CHECK(use(second));
  const auto third = make();
  write([&](tx_ref tx) { auth::void_mailed_tokens(tx, a.id); });
  CHECK(!use(third));
}
