#include <aft/ground/encoding.hpp>

#include <doctest/doctest.h>

using namespace std::string_literals;

TEST_CASE("base64 is that of RFC 4648") {
  struct row {
    std::string bytes, text;
  };
  for (const auto& r : {row{"", ""},
                        {"f", "Zg=="},
                        {"fo", "Zm8="},
                        {"foo", "Zm9v"},
                        {"foob", "Zm9vYg=="},
                        {"fooba", "Zm9vYmE="},
                        {"foobar", "Zm9vYmFy"}}) {
    std::string back;
    CHECK(aft::to_base64(r.bytes) == r.text);
    CHECK(aft::from_base64(r.text, back));
    CHECK(back == r.bytes);
  }
  CHECK(aft::to_base64url("\xfb\xff"s) == "-_8");
}

TEST_CASE("base64 that is not exact is refused") {
  std::string out;
  for (auto* bad : {"Zg", "Zg=", "Zh==", "Z===", "====", "Zg==\n", " Zg==", "Zm9v=", "Zm-v", "Z"}) {
    CAPTURE(bad);
    CHECK(!aft::from_base64(bad, out));
  }
  for (auto* bad : {"Zg==", "Z", "Zh", "Zm+v"}) CHECK(!aft::from_base64url(bad, out));
  CHECK(aft::from_base64url("Zg", out));
}

TEST_CASE("hexadecimal reads both cases and whole bytes") {
  std::string out;
  CHECK(aft::to_hex("\x00\xab\xff"s) == "00abff");
  CHECK(aft::from_hex("00aBFf", out));
  CHECK(out == "\x00\xab\xff"s);
  CHECK(!aft::from_hex("0", out));
  CHECK(!aft::from_hex("0g", out));
}
