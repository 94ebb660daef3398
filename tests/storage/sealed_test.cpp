#include <aft/storage/sealed.hpp>

#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>

#include <doctest/doctest.h>

#include <aft/ground/encoding.hpp>
#include <aft/ground/json.hpp>

#include "storage_fixture.hpp"

namespace {

const aft::sealing_key first{"2025", std::string(32, 'a')};
const aft::sealing_key second{"2026", std::string(32, 'b')};
const aft::sealed_place place{"person", "pin", "7"};

struct with_people : storage_fixture {
  aft::key_ring keys{{first}};
  const aft::sealed_column pins{"person", "pin", "id", "pin_index", 10};
  with_people() {
    schema(
        "create table person (id integer primary key, pin blob, pin_index text) strict;"
        "create index person_by_pin on person (pin_index)");
  }
  void insert(std::int64_t id, const std::string& pin) {
    db.write([&](aft::transaction& tx) {
      tx.execute("insert into person values ($1, $2, $3)", id,
                 keys.seal(pin, {"person", "pin", std::to_string(id)}),
                 keys.index(pin, "person", "pin"));
    });
  }
  std::string pin(std::int64_t id) {
    return db.read([&](aft::reader& r) {
      return keys
          .open(r.one<aft::sealed>("select pin from person where id = $1", id),
                {"person", "pin", std::to_string(id)})
          .reveal();
    });
  }
};

}  // namespace

TEST_CASE("what is sealed opens in its place, with its key, and nowhere else") {
  const aft::key_ring keys({first});
  for (const std::string& text : {std::string(), std::string("1234"), std::string(100'000, '\0')}) {
    const auto value = keys.seal(text, place);
    CHECK(keys.open(value, place).reveal() == text);
    CHECK(!has(std::string(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size()),
               "1234"));
    CHECK(keys.seal(text, place) != value);  // a nonce for each
    for (const auto& other :
         {aft::sealed_place{"person", "pin", "8"}, aft::sealed_place{"person", "pi", "n7"},
          aft::sealed_place{"people", "pin", "7"}}) {
      CHECK(has(thrown_by([&] { (void)keys.open(value, other); }), "comes from another place"));
    }
  }
}

TEST_CASE("no altered byte goes unseen, and no end that is missing") {
  const aft::key_ring keys({first});
  const auto value = keys.seal("1234", place);
  for (std::size_t i = 0; i < value.bytes.size(); ++i) {
    for (const int bit : {1, 128}) {
      auto altered = value;
      altered.bytes[i] ^= std::byte(bit);
      CHECK_THROWS_AS((void)keys.open(altered, place), aft::unsealing_error);
    }
    auto cut = value;
    cut.bytes.resize(i);
    CHECK_THROWS_AS((void)keys.open(cut, place), aft::unsealing_error);
  }
  auto longer = value;
  longer.bytes.push_back(std::byte(0));
  CHECK_THROWS_AS((void)keys.open(longer, place), aft::unsealing_error);
}

TEST_CASE("a wrong key and a missing one are told apart, and no message says a secret") {
  const auto value = aft::key_ring({first}).seal("1234", place);
  const aft::key_ring missing({second}), wrong({{"2025", std::string(32, 'x')}});
  CHECK(thrown_by([&] { (void)missing.open(value, place); }) ==
        "the sealed value of person.pin in row 7 needs the key 2025, which the ring does not have");
  CHECK(has(thrown_by([&] { (void)wrong.open(value, place); }), "does not open with the key 2025"));
}

TEST_CASE("a ring is checked when it is made") {
  using keys = std::vector<aft::sealing_key>;
  CHECK(has(thrown_by([] { aft::key_ring({}); }), "without a key"));
  CHECK(has(thrown_by([] {
              aft::key_ring(keys{{"a b", std::string(32, 'a')}});
            }),
            "must be 1 to 32"));
  CHECK(has(thrown_by([] { aft::key_ring(keys{{"a", "short"}}); }), "has 5 bytes"));
  CHECK(has(thrown_by([] {
              aft::key_ring(keys{first, first});
            }),
            "two sealing keys are named 2025"));
  aft::key_ring ring({first});
  CHECK_THROWS_AS(ring.replace({}), aft::configuration_error);
  CHECK(ring.is_newest(ring.seal("x", place)));  // it still has what it had
}

TEST_CASE("a ring asks for its keys where it is told to, and again") {
  std::vector<aft::sealing_key> there{first};
  bool is_away = false;
  auto ring = aft::key_ring::loaded_by([&] {
    if (is_away) throw aft::error("the service is away");
    return there;
  });
  const auto old = ring.seal("x", place);
  there.insert(there.begin(), second);
  CHECK(ring.is_newest(old));
  ring.reload();
  CHECK(!ring.is_newest(old));
  CHECK(ring.open(old, place).reveal() == "x");
  is_away = true;
  CHECK(has(thrown_by([&] { ring.reload(); }), "is away"));
  is_away = false;
  there = {{"short", "short"}};
  CHECK_THROWS_AS(ring.reload(), aft::configuration_error);
  CHECK(ring.open(old, place).reveal() == "x");  // it still has what it had
  CHECK(has(thrown_by([] { aft::key_ring(std::vector{first}).reload(); }), "was given keys"));
}

TEST_CASE("keys come from text, from the environment, and from a file for their owner alone") {
  const auto text = "# the newest first\n2026=" + aft::to_base64(second.bytes) +
                    "\r\n\n2025=" + aft::to_base64(first.bytes);
  const auto keys = aft::read_sealing_keys(text);
  REQUIRE(keys.size() == 2);
  CHECK(keys[0].id == "2026");
  CHECK(keys[1].bytes == first.bytes);
  CHECK(thrown_by([] { (void)aft::read_sealing_keys("a=AAAA"); }) ==
        "line 1 of the sealing keys is not \"id=\" and 32 bytes in base64");
  CHECK_THROWS_AS((void)aft::read_sealing_keys("\nsecret"), aft::configuration_error);

  ::setenv("AFT_TEST_KEYS", text.c_str(), 1);
  CHECK(aft::sealing_keys_from_environment("AFT_TEST_KEYS").size() == 2);
  ::unsetenv("AFT_TEST_KEYS");
  CHECK(has(thrown_by([] { (void)aft::sealing_keys_from_environment("AFT_TEST_KEYS"); }),
            "is not set"));

  temporary_folder folder;
  const auto file = folder / "keys";
  std::ofstream(file) << text;
  ::chmod(file.c_str(), 0640);
  CHECK(has(thrown_by([&] { (void)aft::sealing_keys_from_file(file); }), "chmod 600"));
  ::chmod(file.c_str(), 0600);
  CHECK(aft::sealing_keys_from_file(file).size() == 2);
  CHECK(
      has(thrown_by([&] { (void)aft::sealing_keys_from_file(folder / "none"); }), "No such file"));
  CHECK(has(thrown_by([&] { (void)aft::sealing_keys_from_file(folder / "."); }), "no file"));
  CHECK(aft::make_sealing_key("x").bytes != aft::make_sealing_key("x").bytes);
}

TEST_CASE_FIXTURE(with_people, "a sealed column is searched by its index") {
  insert(1, "1234");
  insert(2, "9999");
  insert(3, "1234");
  db.read([&](aft::reader& r) {
    CHECK(r.all<int>("select id from person where pin_index = $1 order by id",
                     keys.index("1234", "person", "pin")) == std::vector<int>{1, 3});
  });
  CHECK(keys.index("1234", "person", "pin").size() == 43);
  const std::set<std::string> different{
      keys.index("1234", "person", "pin"), keys.index("1235", "person", "pin"),
      keys.index("1234", "person", "other"), keys.index("1234", "people", "pin"),
      keys.index("n1234", "person", "pi")};
  CHECK(different.size() == 5);
}

TEST_CASE_FIXTURE(with_people, "keys are rotated while others read and write") {
  for (int i = 1; i <= 55; ++i) insert(i, std::to_string(i));
  db.write([](aft::transaction& tx) { tx.execute("insert into person (id) values (100)"); });
  const auto before = keys.index("5", "person", "pin");
  std::atomic<bool> stop{false};
  std::thread others([&] {
    for (int i = 0; !stop; ++i) CHECK(pin(i % 55 + 1) == std::to_string(i % 55 + 1));
  });
  keys.replace({second, first});
  CHECK(keys.indexes("5", "person", "pin").at(1) == before);
  insert(200, "200");  // with the new key already
  CHECK(aft::reseal(db, keys, pins) == 55);
  CHECK(aft::reseal(db, keys, pins) == 0);
  stop = true;
  others.join();
  keys.replace({second});
  for (int i = 1; i <= 55; ++i) CHECK(pin(i) == std::to_string(i));
  db.read([&](aft::reader& r) {
    CHECK(r.one<int>("select id from person where pin_index = $1",
                     keys.index("5", "person", "pin")) == 5);
    CHECK(!r.find<int>("select id from person where pin_index = $1", before));
  });
}

TEST_CASE_FIXTURE(with_people, "a rotation stops at a value that does not open, and says which") {
  for (int i = 1; i <= 3; ++i) insert(i, std::to_string(i));
  db.write([](aft::transaction& tx) {
    tx.execute("update person set pin = (select pin from person where id = 1) where id = 2");
  });
  keys.replace({second, first});
  CHECK(has(thrown_by([&] { (void)aft::reseal(db, keys, pins); }), "in row 2 does not open"));
  CHECK(pin(3) == "3");
  CHECK(keys.is_newest(db.one<aft::sealed>("select pin from person where id = 1")));
  CHECK(!keys.is_newest(db.one<aft::sealed>("select pin from person where id = 3")));
}

TEST_CASE("a sealed value is its ciphertext in JSON") {
  struct person {
    aft::sealed pin;
  };
  const auto value = aft::key_ring({first}).seal("1234", place);
  CHECK(!has(aft::json::write(person{value}), "1234"));
}
