// Headers of the PROXY protocol from strangers: never a crash, and the same verdict however the
// bytes are cut.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "server/proxy_protocol.hpp"

namespace {

using aft::server::proxy_verdict;

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = aft::server::read_proxy_header(bytes);
  // As the server reads it: no byte more than is asked for.
  std::size_t have = 0;
  while (true) {
    const auto h = aft::server::read_proxy_header(std::string(bytes, 0, have));
    if (h.verdict != proxy_verdict::more) {
      check(h.verdict == whole.verdict && h.client == whole.client);
      check(h.verdict == proxy_verdict::refused || h.size == have);
      break;
    }
    check(h.size > have && h.size <= aft::server::max_proxy_header);
    if (h.size > size) {
      check(whole.verdict != proxy_verdict::whole);
      break;
    }
    have = h.size;
  }
  if (whole.client) check(whole.client->text().size() < 46);
  return 0;
}
