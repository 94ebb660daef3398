#include <doctest/doctest.h>

#include <aft/auth/password.hpp>

namespace {

// Of "correct horse", made by Python's hashlib and crypt.
const char* const imported[] = {
    "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=",
    "pbkdf2_sha1$1000$seasalt$iQvkNOF1wEL4Khh8eogJ8rUhipM=",
    "$pbkdf2-sha256$1000$MDEyMzQ1Njc4OWFiY2RlZg$cBg8D2DungRB9k76szThf5ehfyBz991ay6PT8Srwk4M",
    "$pbkdf2-sha512$1000$MDEyMzQ1Njc4OWFiY2RlZg$OM0FAoIqCVK1sWtxDiffVlBejtLa."
    "ks4TP71JiecwuSZCG8iLbnl"
    "IEPOMoVX.i2B2wkSxjQ8CRGR9OkNGuIPMQ",
    "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$cBg8D2DungRB9k76szThf5ehfyBz991ay6PT8Srwk4M",
    "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
    "$2a$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
    "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"};

}  // namespace

TEST_CASE("hashes of bcrypt and PBKDF2 are verified, and are to be made anew") {
  for (const auto* hash : imported) {
    CAPTURE(hash);
    CHECK(aft::verify_password(hash, "correct horse"));
    CHECK(!aft::verify_password(hash, "correct horsf"));
    CHECK(!aft::verify_password(hash, ""));
    CHECK(aft::needs_rehash(hash));
  }
  CHECK(
      aft::verify_password("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"));
}

TEST_CASE("bcrypt cuts at 72 bytes, and a zero byte is no end") {
  const auto* hash = "$2b$04$abcdefghijklmnopqrstuuBzzIgyKkz7xMWYSzkIjUSnxEQFQ0WNe";
  CHECK(aft::verify_password(hash, std::string(72, 'a')));
  CHECK(aft::verify_password(hash, std::string(80, 'a')));
  CHECK(!aft::verify_password(hash, std::string(71, 'a')));
  CHECK(!aft::verify_password(imported[5], std::string("correct horse\0x", 15)));
}

TEST_CASE("imported hashes that are malformed, or cost without end, verify nothing") {
  for (const std::string hash :
       {"$2b$", "$2b$04$short", "$2b$31$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "pbkdf2_sha256", "pbkdf2_sha256$$$", "pbkdf2_md5$1$a$mQnueSakb748zqBAC1tmWVZs",
        "pbkdf2_sha256$0$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=",
        "pbkdf2_sha256$99999999999$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=",
        "pbkdf2_sha256$1000x$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=",
        "pbkdf2_sha256$1000$seasalt$", "pbkdf2_sha256$1000$seasalt$====", "$pbkdf2-sha256$1$AA$AA",
        "$pbkdf2", "$pbkdf2-"}) {
    CAPTURE(hash);
    CHECK(!aft::verify_password(hash, "correct horse"));
  }
  CHECK(!aft::verify_password("pbkdf2_sha256$1$a$" + std::string(600, 'A'), "x"));
}
