#include <aft/auth/sessions.hpp>

#include <doctest/doctest.h>

#include "account_base.hpp"

namespace auth = aft::auth;
using tx_ref = aft::transaction&;

namespace {
struct with_session : account_base {
  auth::account a = add();
  std::string begin(const auth::session_limits& limits = {}) {
    return write([&](tx_ref tx) {
      return auth::begin_session(tx, a.id, {"a browser\n", "192.0.2.1"}, limits);
    });
  }
  std::optional<auth::found_session> find(std::string_view token) {
    return read([&](aft::reader& r) { return auth::find_session(r, token); });
  }
};
}  // namespace

TEST_CASE_FIXTURE(with_session, "a token of 256 bits finds its session, and no other does") {
  const auto token = begin();
  CHECK(token.size() == 43);
  const auto found = find(token);
  REQUIRE(found);
  CHECK(found->who.email == "ada@example.org");
  CHECK(found->of.device == "a browser?");
  CHECK(found->of.address == "192.0.2.1");
  CHECK(found->fresh);
  for (std::string wrong : {std::string(), token.substr(1), token + "A", std::string(5000, 'A')}) {
    CHECK(!find(wrong));
  }
}

TEST_CASE_FIXTURE(with_session, "what is stored of a token opens nothing") {
  const auto token = begin();
  const auto stored = db.one<std::string>("select token_hash from aft_session");
  CHECK(stored != token);
  CHECK(stored.find(token) == stored.npos);
  CHECK(!find(stored));
}

TEST_CASE_FIXTURE(with_session, "a session ends when it is not used, and in any case some day") {
  const auto token = begin();
  time.advance(aft::days(14) - aft::seconds(1));
  CHECK(find(token));
  time.advance(aft::seconds(1));
  CHECK(!find(token));  // idle

  const auto used = begin();
  const auto id = find(used)->of.id;
  for (int i = 0; i < 8; ++i) {
    time.advance(aft::days(10));
    REQUIRE(find(used));
    write([&](tx_ref tx) { auth::touch_session(tx, id, tx.now()); });
  }
  CHECK(!find(used)->fresh);
  time.advance(aft::days(10) - aft::seconds(1));
  CHECK(find(used));
  time.advance(aft::seconds(1));
  CHECK(!find(used));  // absolute
}

TEST_CASE_FIXTURE(with_session, "a renewed session has another token, and the old one is void") {
  const auto old = begin();
  const auto id = find(old)->of.id;
  time.advance(aft::hours(1));
  CHECK(!find(old)->fresh);
  const auto renewed = write([&](tx_ref tx) { return auth::renew_session(tx, id, true); });
  CHECK(!find(old));
  CHECK(find(renewed)->of.id == id);
  CHECK(find(renewed)->fresh);
  CHECK(find(renewed)->of.created_at == time.now() - aft::hours(1));  // no longer life
  CHECK(write([](tx_ref tx) { return auth::renew_session(tx, 99, true); }) == "");
}

TEST_CASE_FIXTURE(with_session, "sessions are listed, and ended one, the others or all") {
  const auto one = begin(), two = begin(), three = begin();
  const auto list = [&] {
    return read([&](aft::reader& r) { return auth::list_sessions(r, a.id); }).size();
  };
  CHECK(list() == 3);
  const auto eve = add("eve@example.org");
  const auto id = find(one)->of.id;
  CHECK(!write([&](tx_ref tx) { return auth::end_session(tx, eve.id, id); }));
  CHECK(write([&](tx_ref tx) { return auth::end_session(tx, a.id, id); }));
  CHECK(!find(one));
  CHECK(write([&](tx_ref tx) { return auth::end_sessions(tx, a.id, find(three)->of.id); }) == 1);
  CHECK(!find(two));
  CHECK(find(three));
  CHECK(write([&](tx_ref tx) { return auth::end_sessions(tx, a.id); }) == 1);
  CHECK(list() == 0);
}

TEST_CASE_FIXTURE(with_session, "an account has so many sessions, and the oldest goes first") {
  const auto first = begin({.most_per_account = 2});
  time.advance(aft::seconds(1));
  const auto second = begin({.most_per_account = 2});
  time.advance(aft::seconds(1));
  const auto third = begin({.most_per_account = 2});
  CHECK(!find(first));
  CHECK(find(second));
  CHECK(find(third));
}

TEST_CASE_FIXTURE(with_session, "a session that awaits a second factor says so, and is not fresh") {
  const auto token = write([&](tx_ref tx) { return auth::begin_session(tx, a.id, {}, {}, true); });
  CHECK(find(token)->of.awaits_second);
  CHECK(!find(token)->fresh);
  const auto after =
      write([&](tx_ref tx) { return auth::renew_session(tx, find(token)->of.id, true); });
  CHECK(!find(after)->of.awaits_second);
  CHECK(find(after)->fresh);
}

TEST_CASE_FIXTURE(with_session, "of many keys, those whose sessions count no more are told") {
  std::vector<std::string> tokens, keys;
  for (int i = 0; i < 200; ++i) {
    tokens.push_back(begin({.most_per_account = 1000}));
    keys.push_back(auth::session_key(tokens.back()));
  }
  const auto ended = [&](const auth::session_limits& limits = {}) {
    return read([&](aft::reader& r) { return auth::ended_sessions(r, keys, limits); });
  };
  CHECK(ended().empty());
  CHECK(keys[0] != tokens[0]);
  CHECK(!find(keys[0]));  // nobody logs in with a key
  std::vector<std::string> gone;
  write([&](tx_ref tx) {
    for (const std::size_t i : {3, 64, 199}) {
      auth::end_session(tx, tokens[i]);
      gone.push_back(keys[i]);
    }
  });
  const auto renewed = find(tokens[150])->of.id;
  write([&](tx_ref tx) { auth::renew_session(tx, renewed, true); });
  gone.insert(gone.begin() + 2, keys[150]);
  CHECK(ended() == gone);
  time.advance(aft::days(14));
  CHECK(ended() == keys);  // unused
  keys = {"nonsense", ""};
  CHECK(ended({.idle = aft::days(100)}) == keys);
  keys.clear();
  CHECK(ended().empty());
}

TEST_CASE_FIXTURE(with_session, "a device is known to the account that it logged in as") {
  const auto eve = add("eve@example.org");
  const auto token = write([&](tx_ref tx) { return auth::know_device(tx, a.id); });
  const auto knows = [&](std::int64_t account) {
    return read([&](aft::reader& r) { return auth::find_device(r, token, account).has_value(); });
  };
  CHECK(knows(a.id));
  CHECK(!knows(eve.id));
  CHECK(write([&](tx_ref tx) { return auth::forget_devices(tx, a.id); }) == 1);
  CHECK(!knows(a.id));
}
