#include "csrf.hpp"

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/random.hpp>

namespace aft::guarding {
namespace {

std::string csrf_signature(std::string_view session_token, std::string_view nonce) {
  return to_base64url(hmac_sha256(session_token, "csrf!" + std::string(nonce)));
}

}  // namespace

std::string make_csrf_token(std::string_view session_token) {
  const auto nonce = random_token(16);
  return nonce + "." + csrf_signature(session_token, nonce);
}

bool is_csrf_token(std::string_view token, std::string_view session_token) {
  const auto dot = token.find('.');
  if (dot == token.npos || session_token.empty()) return false;
  return equal_in_constant_time(token.substr(dot + 1),
                                csrf_signature(session_token, token.substr(0, dot)));
}

}  // namespace aft::guarding
