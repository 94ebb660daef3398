// Content codings: arbitrary bytes never crash a decompressor nor pass its limit, mean the same
// however they are cut, and what was compressed comes back. The first byte chooses the coding, and
// how the rest is cut.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/compression.hpp"

namespace {

using namespace aft::http;

constexpr std::size_t max_body = 256 * 1024;

void check(bool holds) {
  if (!holds) std::abort();
}

struct outcome {
  std::string text;
  body_decoder::status status;
  bool whole;
};

outcome decode(coding c, std::string_view bytes, std::size_t piece) {
  body_decoder decoder(c, max_body);
  aft::buffer out;
  auto status = body_decoder::status::hungry;
  while (!bytes.empty() && status == body_decoder::status::hungry) {
    auto part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    do status = decoder.read(part, out);
    while (status == body_decoder::status::more);
    check(out.size() <= max_body + 1);
    if (status == body_decoder::status::hungry) check(part.empty());
  }
  return {std::string(out.view()), status, decoder.whole()};
}

void check_arbitrary(coding c, std::string_view bytes, std::size_t piece) {
  const auto whole = decode(c, bytes, std::string_view::npos);
  const auto cut = decode(c, bytes, piece);
  check(whole.status == cut.status);
  if (whole.status != body_decoder::status::hungry) return;
  check(whole.text == cut.text && whole.whole == cut.whole);
}

void check_round_trip(coding c, std::string_view text, std::size_t piece) {
  const auto with = make_compressor(c, {});
  aft::buffer out;
  for (int round = 0; round < 2; ++round) {
    const bool sized = round == 0;
    out.clear();
    with->begin(sized ? std::optional<std::uint64_t>(text.size()) : std::nullopt);
    for (auto left = text; !left.empty(); left.remove_prefix(std::min(piece, left.size()))) {
      with->write(left.substr(0, piece), out,
                  sized ? compressor::flushing::none : compressor::flushing::part);
    }
    if (!sized) check(decode(c, out.view(), piece).text == text);
    with->write({}, out, compressor::flushing::end);
    const auto back = decode(c, out.view(), piece);
    check(back.status == body_decoder::status::hungry && back.whole && back.text == text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto c = coding(data[0] % 3);
  const std::size_t piece = data[0] / 3 + 1u;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  check_arbitrary(c, bytes, piece);
  check_round_trip(c, bytes, piece);
  return 0;
}
