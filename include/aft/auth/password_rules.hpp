#pragma once
// Which passwords are taken, and how they are stored.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/auth/password.hpp>
#include <aft/ground/secret.hpp>

namespace aft::auth {

struct password_rules {
  std::size_t least = 8, most = 256;   // characters (Unicode code points)
  std::vector<std::string> context{};  // words that guessers try first here: the site's name
};

enum class password_refusal : std::uint8_t {
  too_short,
  too_long,
  common,   // on everybody's list, or one of them decorated: "P4ssw0rd!2024"
  context,  // made of the site's name or the e-mail address
};

std::string_view to_string(password_refusal);                        // "too_short"
std::string explain(password_refusal, const password_rules& rules);  // a sentence for its owner

// Nothing: it is taken. No kinds of letters are asked for, and none are refused (NIST SP 800-63B
// section 3.1.1.2, OWASP ASVS 5 section 6.2).
std::optional<password_refusal> judge_password(std::string_view password,
                                               const password_rules& rules = {},
                                               std::string_view email = {});

// Whether it is one of those that guessers try first: nearly all of the 3,395 passwords of eight
// and more characters among the 10,000 most used in public leaks, and, by a rule, what is left of
// it without case, digits and signs around it, and with "4" read as "a" and so on, is one or two of
// some 1,400 words and names, a walk over the keyboard, digits alone, or one piece over and over.
bool is_common_password(std::string_view password);

// A secret beside the database, without which its hashes cannot even be guessed at; empty: none.
// Every password is then HMAC-SHA-256 of it by this key before it is hashed, and the stored text
// says so. It can be given later: hashes without one are made anew at the next login.
struct pepper {
  secret key{};  // at least 32 bytes
};

// Takes the time and memory of the cost, see hash_password().
std::string store_password(std::string_view password, const pepper& p = {},
                           password_cost cost = {});
bool check_password(std::string_view stored, std::string_view password, const pepper& p = {});
// What no password matches, and what takes as long to check as what store_password() makes: for
// accounts that there are not.
std::string decoy_password(const pepper& p = {}, password_cost cost = {});
bool needs_storing_anew(std::string_view stored, const pepper& p = {}, password_cost cost = {});

}  // namespace aft::auth
