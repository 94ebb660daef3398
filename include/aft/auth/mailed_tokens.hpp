#pragma once
// Tokens that are mailed, to prove that who brings them back reads that address.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <aft/ground/time.hpp>
#include <aft/storage/reader.hpp>
#include <aft/storage/transaction.hpp>

namespace aft::auth {

enum class token_purpose : std::uint8_t {
  register_account,
  verify_email,
  reset_password,
  change_email
};

struct mailed_token {
  token_purpose purpose;
  std::optional<std::int64_t> account{};  // none where it is yet to be made
  std::string email;                      // where it was sent to
  std::string password_hash{};            // of an account that is yet to be made
};

// 256 random bits, of which the SHA-256 is stored. Those before of the same purpose and account
// are void then; those of one address and no account stay side by side.
std::string make_mailed_token(transaction& tx, const mailed_token& what, duration valid_for);

// Nothing for one that is unknown, used, or too old.
std::optional<mailed_token> find_mailed_token(reader& db, std::string_view token);

// The same, and it is void from now on: of two who bring it at once, one has it.
std::optional<mailed_token> use_mailed_token(transaction& tx, std::string_view token);

void void_mailed_tokens(transaction& tx, std::int64_t account);

}  // namespace aft::auth
