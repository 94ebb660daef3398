#include <aft/ground/secret.hpp>

#include <cstring>
#include <memory>
#include <sstream>
#include <type_traits>
#include <vector>

#include <doctest/doctest.h>

#include <aft/ground/json.hpp>
#include <aft/ground/log.hpp>
#include <aft/ground/settings.hpp>

namespace {

struct account {
  std::string user;
  aft::secret password;
};
struct tree {
  std::string name;
  std::vector<tree> under;
};
struct deep {
  std::vector<std::optional<account>> all;
};
struct config {
  std::string user = "shop";
  aft::secret password;
  std::optional<aft::secret> key;
};

}  // namespace

TEST_CASE("a secret is told by text() alone") {
  const aft::secret s("hunter2");
  CHECK(s.text() == "hunter2");
  CHECK(s.size() == 7);
  CHECK(aft::secret().empty());
  CHECK(s == aft::secret("hunter2"));
  CHECK(!(s == aft::secret("hunter3")));
  CHECK(!(s == aft::secret()));
  static_assert(!std::is_convertible_v<aft::secret, std::string>);
  static_assert(!std::is_convertible_v<aft::secret, std::string_view>);
}

TEST_CASE("the memory of a secret is wiped, also of one that was moved or assigned") {
  // Long enough for the heap, and short enough for the object itself.
  for (const auto* text : {"short", "a text that is too long for the string itself to hold"}) {
    const auto length = std::strlen(text);
    alignas(aft::secret) unsigned char place[sizeof(aft::secret)];
    auto* s = new (place) aft::secret(text);
    const bool is_inside = length < 16;
    s->~secret();
    if (is_inside) {
      const std::string left(reinterpret_cast<char*>(place), sizeof place);
      CHECK(left.find(text) == left.npos);
    }
    aft::secret from(text);
    const aft::secret to(std::move(from));
    CHECK(to.text() == text);
    CHECK(from.empty());
    aft::secret other("other");
    other = to;
    CHECK(other == to);
  }
}

TEST_CASE("JSON and logs show that there is one, and read it") {
  CHECK(aft::json::write(account{"ada", {"hunter2"}}) == R"({"user":"ada","password":"***"})");
  CHECK(aft::json::write(account{"ada", {}}) == R"({"user":"ada","password":""})");
  const auto read = aft::json::read<account>(R"({"user":"ada","password":"hunter2"})");
  REQUIRE(read);
  CHECK(read->password.text() == "hunter2");
  CHECK(aft::log_field("key", aft::secret("hunter2")).value == "***");
  CHECK(aft::log_field("key", "rows").value == "rows");
}

TEST_CASE("settings are read into it, and shown without it") {
  const char* words[] = {"shop", "--password", "hunter2"};
  const auto s = aft::read_settings<config>({.program = "shop"}, 3, words);
  REQUIRE(s);
  CHECK(s->values.password.text() == "hunter2");
  CHECK(s->all[1].value == "\"***\"");
  CHECK(s->all[1].is_secret);
  CHECK(s->all[2].value == "none");
  CHECK(s->all[2].is_secret);
  CHECK(!s->all[0].is_secret);
  const char* asked[] = {"shop", "--password=hunter2", "--key=hunter3", "--settings"};
  const auto shown = aft::read_settings<config>({.program = "shop"}, 4, asked);
  REQUIRE(!shown);
  CHECK(shown.reason().text.find("hunter") == std::string::npos);
}

TEST_CASE("a type tells whether it holds one") {
  CHECK(aft::detail::holds_secret(aft::type_of<account>()));
  CHECK(aft::detail::holds_secret(aft::type_of<deep>()));
  CHECK(aft::detail::holds_secret(aft::type_of<aft::secret>()));
  CHECK(!aft::detail::holds_secret(aft::type_of<tree>()));
  CHECK(!aft::detail::holds_secret(aft::type_of<std::string>()));
}
