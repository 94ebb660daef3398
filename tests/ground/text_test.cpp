#include <aft/ground/text.hpp>

#include <doctest/doctest.h>

#include <aft/ground/error.hpp>
#include <aft/ground/json.hpp>

namespace {

template <class T>
bool reads(std::string_view json) {
  return bool(aft::json::read<T>(json));
}

using title = aft::text<1, 5>;

}  // namespace

TEST_CASE("a text has as many characters as its type says, however many bytes they take") {
  CHECK(reads<title>("\"abcde\""));
  CHECK(reads<title>("\"äöü€𝄞\""));
  CHECK(!reads<title>("\"\""));
  CHECK(!reads<title>("\"abcdef\""));
  CHECK(!reads<title>("7"));
}

TEST_CASE("a program that makes a wrong value is told at once") {
  CHECK_THROWS_AS(title("too long"), aft::error);
  CHECK_THROWS_AS(aft::email("nobody"), aft::error);
  CHECK_THROWS_AS((aft::bounded<int, 1, 10>(11)), aft::error);
  CHECK(title("abc") == "abc");
  CHECK(std::string_view(title("abc")).size() == 3);
}

TEST_CASE("e-mail addresses are those that HTML accepts") {
  for (auto* good : {"a@b", "ines.maria+x@example.org", "o'hara@mail.example.co"}) {
    CAPTURE(good);
    CHECK_NOTHROW(aft::email{good});
  }
  for (auto* bad : {"", "@b", "a@", "a b@c", "a@b@c", "a@-b", "a@b..c", "a@b-", "a@b c", "ä@b"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(aft::email{bad}, aft::error);
  }
  CHECK_THROWS(aft::email(std::string(65, 'a') + "@b"));
}

TEST_CASE("slugs are words joined by single hyphens") {
  for (auto* good : {"a", "how-to-train", "2-dragons"}) CHECK_NOTHROW(aft::slug{good});
  for (auto* bad : {"", "-a", "a-", "a--b", "A", "a_b", "ä"}) CHECK_THROWS(aft::slug{bad});
}

TEST_CASE("web URLs have a scheme of the web and a host") {
  for (auto* good : {"http://a", "https://a.example/b?c=d#e", "http://[::1]:80/"}) {
    CHECK_NOTHROW(aft::web_url{good});
  }
  for (auto* bad :
       {"", "a", "ftp://a", "javascript:alert(1)", "http://", "http://:80", "http://a b"}) {
    CAPTURE(bad);
    CHECK_THROWS(aft::web_url{bad});
  }
}

TEST_CASE("a bounded number is within its bounds, and its default is too") {
  using percent = aft::bounded<int, 0, 100>;
  CHECK(reads<percent>("0"));
  CHECK(reads<percent>("100"));
  CHECK(!reads<percent>("-1"));
  CHECK(!reads<percent>("101"));
  CHECK(!reads<percent>("1.5"));
  CHECK(int(aft::bounded<int, 5, 9>()) == 5);
}

TEST_CASE("ids of different things do not mix") {
  using note_id = aft::id<struct note_tag>;
  using user_id = aft::id<struct user_tag>;
  static_assert(!std::is_convertible_v<note_id, user_id>);
  CHECK(aft::json::write(note_id(7)) == "7");
  CHECK(**aft::json::read<note_id>("7") == 7);
}
