#include <aft/auth/password.hpp>

#include <chrono>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/ground/error.hpp>

TEST_CASE("a password is verified by its hash, and by no other") {
  const auto hash = aft::hash_password("correct horse");
  CHECK(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
  CHECK(aft::verify_password(hash, "correct horse"));
  CHECK(!aft::verify_password(hash, "correct horsf"));
  CHECK(!aft::verify_password(hash, ""));
  CHECK(aft::hash_password("correct horse") != hash);  // another salt
}

TEST_CASE("what is no hash verifies nothing") {
  for (auto* hash : {"", "x", "$argon2id$", "$2b$10$abc"}) CHECK(!aft::verify_password(hash, "x"));
  CHECK(!aft::verify_password(std::string(500, '$'), "x"));
}

TEST_CASE("a hash of less cost is to be made anew") {
  const auto weak = aft::hash_password("x", {.memory_kib = 8192, .passes = 1});
  CHECK(aft::verify_password(weak, "x"));
  CHECK(aft::needs_rehash(weak));
  CHECK(!aft::needs_rehash(aft::hash_password("x")));
}

TEST_CASE("an event loop cannot be held up by a hash") {
  aft::app app;
  std::string why;
  app.get("/a", [&why] {
    try {
      aft::hash_password("x");
    } catch (const aft::error& e) {
      why = e.what();
    }
  });
  app.get("/b", aft::blocking([] { return aft::hash_password("x"); }));
  app.handle({.target = "/a"});
  CHECK(why.find("aft::blocking") != std::string::npos);
  CHECK(app.handle({.target = "/b"}).status == 200);
}
