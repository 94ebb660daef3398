#include <aft/auth/api_key.hpp>

#include <doctest/doctest.h>

#include <aft/ground/problem.hpp>

#include "token_fixture.hpp"

namespace {

using aft::api_key_refusal;

struct key_fixture : token_fixture {
  aft::api_keys keys{"notes"};

  aft::new_api_key make(const aft::api_key_request& what) {
    return write([&](aft::transaction& tx) { return keys.make(tx, what); });
  }
  auto find(const std::string& key) {
    return db.read([&](aft::reader& r) { return keys.find(r, key); });
  }
};

}  // namespace

TEST_CASE_FIXTURE(key_fixture, "an API key is found by its text, with what it may do") {
  const auto made = make({.subject = "7", .name = "backup", .scopes = {"notes:read"}});
  CHECK(made.key.size() == 6 + 43 + 6);
  CHECK(made.key.starts_with("notes_"));
  const auto found = find(made.key);
  REQUIRE(found);
  CHECK(found->id == made.id);
  CHECK(found->subject == "7");
  CHECK(found->allows("notes:read"));
  CHECK(!found->allows("notes"));
  CHECK(!found->allows("notes:write"));
  CHECK(found->hint == made.key.substr(0, 12));
}

TEST_CASE_FIXTURE(key_fixture,
                  "a typing error is told by the checksum, and another prefix at once") {
  const auto made = make({.subject = "7", .name = "a"});
  for (std::size_t i = 0; i < made.key.size(); ++i) {
    auto changed = made.key;
    changed[i] = changed[i] == 'x' ? 'y' : 'x';
    CHECK(!find(changed));
  }
  CHECK(find("").reason() == api_key_refusal::malformed);
  CHECK(find("other" + made.key.substr(5)).reason() == api_key_refusal::malformed);
  CHECK(find(made.key + "a").reason() == api_key_refusal::malformed);
  const auto gone = make({.subject = "7", .name = "b"});
  write(
      [&](aft::transaction& tx) { tx.execute("delete from aft_api_key where id = $1", gone.id); });
  CHECK(find(gone.key).reason() == api_key_refusal::unknown);
}

TEST_CASE_FIXTURE(key_fixture, "an API key expires, or not, as was said") {
  const auto days = make({.subject = "7", .name = "a"});
  const auto hour = make({.subject = "7", .name = "b", .lifetime = aft::hours(1)});
  const auto forever = make({.subject = "7", .name = "c", .lifetime = {}});
  time.advance(aft::minutes(59));
  CHECK(find(hour.key));
  time.advance(aft::minutes(1));
  CHECK(find(hour.key).reason() == api_key_refusal::expired);
  CHECK(find(days.key));
  time.advance(aft::days(90));
  CHECK(find(days.key).reason() == api_key_refusal::expired);
  time.advance(aft::days(9'000));
  CHECK(find(forever.key));
}

TEST_CASE_FIXTURE(key_fixture, "API keys are listed and revoked by whom they belong to") {
  const auto a = make({.subject = "7", .name = "a"}), b = make({.subject = "7", .name = "b"});
  const auto c = make({.subject = "8", .name = "c"});
  const auto revoke = [&](const char* subject, std::int64_t id) {
    return write([&](aft::transaction& tx) { return aft::api_keys::revoke(tx, subject, id); });
  };
  CHECK(!revoke("7", c.id));
  CHECK(revoke("7", a.id));
  CHECK(!revoke("7", a.id));
  CHECK(find(a.key).reason() == api_key_refusal::revoked);
  CHECK(find(b.key));
  CHECK(find(c.key));
  const auto listed = db.read([](aft::reader& r) { return aft::api_keys::list(r, "7"); });
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].name == "b");
  CHECK(listed[1].revoked_at == time.now());
}

TEST_CASE_FIXTURE(key_fixture, "the last use is noted once a minute") {
  const auto made = make({.subject = "7", .name = "a"});
  const auto note = [&] {
    const auto key = *find(made.key);
    return write([&](aft::transaction& tx) { return aft::api_keys::note_use(tx, key); });
  };
  CHECK(note());
  CHECK(!note());
  time.advance(aft::minutes(1));
  CHECK(note());
  CHECK(find(made.key)->last_used_at == time.now());
}

TEST_CASE_FIXTURE(key_fixture, "what is stored of an API key opens nothing") {
  const auto made = make({.subject = "7", .name = "a"});
  const auto stored = db.one<std::string>("select key_hash from aft_api_key");
  CHECK(made.key.find(stored) == std::string::npos);
  CHECK(!find(stored));
}

TEST_CASE_FIXTURE(key_fixture, "an API key that cannot be is refused") {
  CHECK_THROWS_AS(aft::api_keys(""), aft::configuration_error);
  CHECK_THROWS_AS(aft::api_keys("No_tes"), aft::configuration_error);
  CHECK_THROWS_AS(make({.subject = "7", .name = ""}), aft::problem);
  CHECK_THROWS_AS(make({.subject = "7", .name = std::string(101, 'a')}), aft::problem);
  CHECK_THROWS_AS(make({.subject = "7", .name = "a", .lifetime = aft::duration()}), aft::problem);
}
