#include <aft/auth/accounts.hpp>

#include <doctest/doctest.h>

#include <aft/auth/sessions.hpp>

#include "account_base.hpp"

namespace auth = aft::auth;
using tx_ref = aft::transaction&;

TEST_CASE_FIXTURE(account_base, "an account is found by its id and its address in any case") {
  const auto made = write([&](tx_ref tx) {
    return auth::add_account(tx, {"Ada@Example.org", "h", true, {"admin", "editor"}, 7});
  });
  REQUIRE(made);
  CHECK(made->email == "Ada@Example.org");
  const auto found = read([](aft::reader& r) { return auth::find_account(r, "aDA@example.ORG"); });
  REQUIRE(found);
  CHECK(found->id == made->id);
  CHECK(found->roles == std::vector<std::string>{"admin", "editor"});
  CHECK(found->tenant == 7);
  CHECK(found->verified_at == time.now());
  CHECK(!found->disabled);
  CHECK(read([&](aft::reader& r) { return auth::password_of(r, made->id); }) == "h");
  CHECK(read([&](aft::reader& r) { return auth::password_of(r, "nobody@example.org"); }) == "");
}

TEST_CASE_FIXTURE(account_base, "an address belongs to one account, whatever its case") {
  const auto first = add();
  const auto again = [&](const char* email) {
    return write([&](tx_ref tx) { return auth::add_account(tx, {email, "h"}); });
  };
  CHECK(again("ADA@example.org").reason() == auth::account_refusal::email_taken);
  CHECK(again("no address").reason() == auth::account_refusal::not_an_email);
  const auto other = add("eve@example.org");
  CHECK(write([&](tx_ref tx) {
          return auth::set_email(tx, other.id, "Ada@example.org");
        }).reason() == auth::account_refusal::email_taken);
  CHECK(write([&](tx_ref tx) { return auth::set_email(tx, first.id, "ADA@example.org"); }));
}

TEST_CASE_FIXTURE(account_base, "what lets an account do something else ends its sessions") {
  const auto a = add();
  const auto begin = [&] {
    return write([&](tx_ref tx) { return auth::begin_session(tx, a.id, {}); });
  };
  const auto is_good = [&](const std::string& token) {
    return read([&](aft::reader& r) { return auth::find_session(r, token).has_value(); });
  };
  auto token = begin();
  CHECK(is_good(token));
  CHECK(write([&](tx_ref tx) { return auth::set_roles(tx, a.id, {"admin"}); }));
  CHECK(!is_good(token));
  token = begin();
  CHECK(write([&](tx_ref tx) { return auth::set_tenant(tx, a.id, 3); }));
  CHECK(!is_good(token));
  token = begin();
  CHECK(write([&](tx_ref tx) { return auth::set_disabled(tx, a.id, true); }));
  CHECK(!is_good(token));
  CHECK(!is_good(begin()));
  CHECK(!write([&](tx_ref tx) { return auth::set_roles(tx, 99, {"admin"}); }));
}

TEST_CASE_FIXTURE(account_base, "an account that was erased takes its sessions along") {
  const auto a = add();
  write([&](tx_ref tx) { auth::begin_session(tx, a.id, {}); });
  CHECK(write([&](tx_ref tx) { return auth::erase_account(tx, a.id); }));
  CHECK(db.one<int>("select count(*) from aft_session") == 0);
  CHECK(add().id != a.id);
  CHECK(read([](aft::reader& r) { return auth::list_accounts(r); }).size() == 1);
}
