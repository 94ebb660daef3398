// Cookies of logins elsewhere, files of keys and hashes of passwords, whoever wrote them.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <aft/auth/oidc.hpp>
#include <aft/auth/totp.hpp>
#include <aft/ground/error.hpp>
#include <aft/storage/sealed.hpp>

#include "auth/imported_hash.hpp"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

void try_cookie(std::string_view query, std::string_view cookie) {
  static const aft::clock time;
  static const aft::key_ring ring({{"1", std::string(32, 'k')}});
  static const aft::oidc_client client(
      {.issuer = "https://id.example",
       .client_id = "notes",
       .redirect_url = "https://notes.example/back"},
      ring, [](const aft::oidc_request&) { return aft::oidc_answer(); }, time);
  // Nobody has the key, so nobody makes a cookie.
  const auto who = client.finish(query, cookie);
  check(!who && who.reason() == aft::oidc_refusal::no_login);
}

void try_key_file(std::string_view text) {
  try {
    for (const auto& key : aft::read_sealing_keys(text)) check(key.bytes.size() == 32);
  } catch (const aft::configuration_error& e) {
    // What it says holds no secret: nothing of the line but its number.
    check(std::string_view(e.what()).size() < 100);
  }
}

// Without those that would take long because they say so.
void try_hash(std::string_view text) {
  const auto digits =
      std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  const auto cost = text.substr(std::min<std::size_t>(text.size(), 4), 2);  // of bcrypt
  if (text.starts_with("$2") ? cost > "05" : digits > 12) return;
  (void)aft::auth::verify_imported(text, "password");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto middle = std::min(text.find('\n'), text.size());
  try_cookie(text.substr(0, middle), text.substr(std::min(middle + 1, text.size())));
  try_key_file(text);
  try_hash(text);
  return 0;
}
