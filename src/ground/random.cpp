#include <aft/ground/random.hpp>

#include <sodium.h>

#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>

namespace aft {
namespace {

void need_sodium() {
  static const bool ready = sodium_init() >= 0;  // thread-safe and idempotent
  if (!ready) throw error("the cryptographic library cannot start: no source of randomness");
}

}  // namespace

std::string random_bytes(std::size_t count) {
  need_sodium();
  std::string bytes(count, '\0');
  randombytes_buf(bytes.data(), count);
  return bytes;
}

std::uint64_t random_number(std::uint64_t below) {
  need_sodium();
  if (below <= 1) return 0;
  std::uint64_t unbiased = ~std::uint64_t(0) - (~std::uint64_t(0) % below + 1) % below;
  for (;;) {
    std::uint64_t number;
    randombytes_buf(&number, sizeof number);
    if (number <= unbiased) return number % below;
  }
}

std::string random_token(std::size_t bytes) { return to_base64url(random_bytes(bytes)); }

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace aft
