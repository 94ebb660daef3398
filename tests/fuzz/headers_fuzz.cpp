// Header lines from strangers, as handlers ask for them: cookies, and the client that proxies name.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <aft/http/message.hpp>

#include "http/head.hpp"
#include "http/ip_address.hpp"
#include "http/parser.hpp"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

void try_cookies(const aft::request& r) {
  for (const char* name : {"c", "", "session", "__Host-id"}) {
    const auto value = r.cookie(name);
    if (!value) continue;
    const auto is_in = [&](const aft::header_line& line) {
      return aft::equal_ignoring_case(line.name, "cookie") && line.value.data() <= value->data() &&
             value->data() + value->size() <= line.value.data() + line.value.size();
    };
    check(std::any_of(r.headers().begin(), r.headers().end(), is_in));
    check(value->find(';') == value->npos);
  }
}

void try_clients(aft::request& r) {
  static const aft::http::trusted_proxies forwarded({"10.0.0.0/8", "::1"}, "Forwarded");
  static const aft::http::trusted_proxies by_x({"10.0.0.0/8", "::1"}, "X-Forwarded-For");
  const auto proxy = *aft::http::ip_address::parse("10.0.0.1");
  const auto stranger = *aft::http::ip_address::parse("1.2.3.4");
  for (const auto* proxies : {&forwarded, &by_x}) {
    check(proxies->find_client(stranger, r) == stranger);
    const aft::http::client_of sender{proxy, proxies};
    aft::http::request_access::set_client(r, &sender);
    const auto text = r.client();
    check(text.empty() || aft::http::ip_address::parse(text)->text() == text);
    aft::http::request_access::set_client(r, nullptr);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n";
  bytes.append(reinterpret_cast<const char*>(data), size).append("\r\n\r\n");
  const auto length = bytes.size();
  bytes.resize(length + aft::http::parser_slack);
  aft::http::request_head head;
  aft::http::last_head last;
  const auto parsed = aft::http::parse_head(bytes.data(), bytes.data() + length, head, {}, last);
  if (parsed.status != aft::http::parse_status::complete) return 0;
  aft::request r;
  aft::http::request_access::bind(r, head, {});
  check(r.header("host") == "a");
  for (const auto& line : r.headers()) {
    check(!line.name.empty() && !line.value.starts_with(' ') && !line.value.ends_with('\t'));
    check(line.value.find('\0') == line.value.npos && line.value.find('\n') == line.value.npos);
  }
  try_cookies(r);
  try_clients(r);
  return 0;
}
