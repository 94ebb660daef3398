#include <aft/storage/text_index.hpp>

#include <algorithm>
#include <random>

#include <doctest/doctest.h>

#include <aft/storage/repository.hpp>

#include "storage_fixture.hpp"

namespace {

struct note {
  std::int64_t id;
  std::string title;
  std::optional<std::string> text;
};

const aft::migration table{"001",
                           "create table note (id integer primary key, title text not null, "
                           "text text) strict;"
                           "insert into note values (1, 'Tea', 'Green tea and milk'), "
                           "(2, 'Milk', null), (3, 'Caf\u00e9', 'milk; tea AND (green)');"};

struct with_words : storage_fixture {
  const aft::text_index words{"note", {"title", "text"}};
  with_words() { db.migrate("host", {table, words.step("002")}); }
  std::vector<std::int64_t> found(std::string_view what) {
    return db.read([&](aft::reader& r) {
      std::vector<std::int64_t> ids;
      for (const auto& n : words.search<note>(r, what)) ids.push_back(n.id);
      std::sort(ids.begin(), ids.end());
      return ids;
    });
  }
};

using ids = std::vector<std::int64_t>;

}  // namespace

TEST_CASE_FIXTURE(with_words, "rows are found by words, phrases and beginnings") {
  CHECK(found("milk") == ids{1, 2, 3});
  CHECK(found("MILK tea") == ids{1, 3});
  CHECK(found("\"green tea\"") == ids{1});
  CHECK(found("\"milk green\"") == ids{});
  CHECK(found("gre*") == ids{1, 3});
  CHECK(found("gre") == ids{});
  CHECK(found("caf\u00e9") == ids{3});
  if (!on_postgres()) CHECK(found("CAFE") == ids{3});
  CHECK(found("\"milk") == ids{1, 2, 3});
  CHECK(found("tea, milk!") == ids{1, 3});
  CHECK(found("tea AND nothing") == ids{});  // a word like any other
  CHECK(found("and") == ids{1, 3});
  for (const auto* nothing : {"", " ", "*", "\"", "\"\"", "-", "()", "'", ";--"}) {
    CHECK(found(nothing).empty());
  }
}

TEST_CASE_FIXTURE(with_words, "the best comes first, and no more than asked for") {
  db.read([&](aft::reader& r) {
    CHECK(words.search<note>(r, "milk").at(0).id == 2);
    CHECK(words.search<note>(r, "milk", 1).size() == 1);
  });
}

TEST_CASE_FIXTURE(with_words, "the index follows its table, and goes") {
  db.write([](aft::transaction& tx) {
    tx.execute("insert into note values (4, 'Salt', 'sea')");
    tx.execute("update note set text = 'coffee' where id = 1");
    tx.execute("delete from note where id = 2");
  });
  CHECK(found("salt") == ids{4});
  CHECK(found("milk") == ids{3});
  CHECK(found("coffee") == ids{1});
  db.migrate("host", {table, words.step("002"), words.drop("003")});
  CHECK_THROWS_AS(found("milk"), aft::storage_error);
  db.migrate("host", {table, words.step("002"), words.drop("003"), words.step("004")});
  CHECK(found("milk") == ids{3});
}

TEST_CASE_FIXTURE(with_words, "a list of a repository is narrowed by words") {
  const aft::repository<note> notes("note");
  db.read([&](aft::reader& r) {
    const auto page = notes.list(r, aft::page_request{.limit = 1}, words.where(r, "milk tea"));
    CHECK(page->items.at(0).id == 1);
    CHECK(page->next);
    CHECK(notes.list(r, aft::page_request{}, words.where(r, ""))->items.empty());
  });
}

TEST_CASE_FIXTURE(with_words, "nothing that is searched for is an error") {
  std::mt19937 random(7);
  const std::string_view signs = "ab\"*()^:+-{}\\';,. \t\0\n\x80\xc3\xa9\xff$?ANDORNOT NEAR";
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (auto length = random() % 24; length > 0; --length) text += signs[random() % signs.size()];
    CAPTURE(text);
    CHECK_NOTHROW(found(text));
  }
  CHECK_NOTHROW(found(std::string(100'000, 'a')));
  std::string many;
  for (int i = 0; i < 400; ++i) many += "tea ";
  CHECK(found(many) == ids{1, 3});
}

TEST_CASE("an index of nothing, or of what is no name, is refused") {
  CHECK_THROWS_AS(aft::text_index("note", {}), aft::configuration_error);
  CHECK_THROWS_AS(aft::text_index("note", {"a b"}), aft::storage_error);
  CHECK_THROWS_AS(aft::text_index("no te", {"a"}), aft::storage_error);
}
