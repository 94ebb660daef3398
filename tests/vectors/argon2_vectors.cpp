// Hashes of the reference implementation of Argon2. libsodium knows version 1.3
// alone; the others must be refused, not taken for something else.

#include <vector>

#include <aft/auth/password.hpp>
#include <aft/ground/json.hpp>

#include "vectors.hpp"

namespace {

struct argon2_case {
  int version;
  std::string pwd, encoded;
  static void rules(aft::rules<argon2_case>& r) { r.ignore_unknown(); }
};

}  // namespace

int main() {
  const auto cases = aft::json::read<std::vector<argon2_case>>(
      vectors::read(vectors::folder("argon2") / "hashtests.json"));
  if (!cases) return std::cerr << "the vectors are not as expected\n", 1;
  int verified = 0, not_known = 0, failures = 0;
  for (const auto& c : *cases) {
    const bool is_known = c.version == 19;
    const bool verifies = aft::verify_password(c.encoded, c.pwd);
    const bool other = aft::verify_password(c.encoded, c.pwd + "x");
    ++(is_known ? verified : not_known);
    if (verifies == is_known && !other) continue;
    ++failures;
    std::cerr << "wrong: " << c.encoded << " is " << (verifies ? "verified" : "refused") << "\n";
  }
  std::cout << verified << " verified, " << not_known << " of versions that are not known, "
            << failures << " wrong\n";
  return failures || verified < 10 ? 1 : 0;
}
