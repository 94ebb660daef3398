#pragma once
// A hash for tables whose keys strangers choose: without the secret nobody finds keys that meet.
// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace aft::detail {

struct hash_secret {
  std::uint64_t first, second;
};

class sip_state {
 public:
  explicit sip_state(const hash_secret& s)
      : a_(s.first ^ 0x736f6d6570736575), b_(s.second ^ 0x646f72616e646f6d),
        c_(s.first ^ 0x6c7967656e657261), d_(s.second ^ 0x7465646279746573) {}

  void add(std::uint64_t word) {
    d_ ^= word;
    round();
    round();
    a_ ^= word;
  }
  std::uint64_t end() {
    c_ ^= 0xff;
    for (int i = 0; i < 4; ++i) round();
    return a_ ^ b_ ^ c_ ^ d_;
  }

 private:
  void round() {
    a_ += b_, b_ = std::rotl(b_, 13) ^ a_, a_ = std::rotl(a_, 32);
    c_ += d_, d_ = std::rotl(d_, 16) ^ c_;
    a_ += d_, d_ = std::rotl(d_, 21) ^ a_;
    c_ += b_, b_ = std::rotl(b_, 17) ^ c_, c_ = std::rotl(c_, 32);
  }

  std::uint64_t a_, b_, c_, d_;
};

inline std::uint64_t keyed_hash(const hash_secret& secret, std::string_view bytes) {
  sip_state state(secret);
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    word |= std::uint64_t(static_cast<unsigned char>(bytes[i])) << (8 * (i % 8));
    if (i % 8 != 7) continue;
    state.add(word);
    word = 0;
  }
  state.add(word | std::uint64_t(bytes.size()) << 56);
  return state.end();
}

}  // namespace aft::detail
