#pragma once
// Passwords, stored so that a stolen database does not give them away.

#include <string>
#include <string_view>

namespace aft {

// The cost of one hash; at least OWASP's least for Argon2id.
struct password_cost {
  unsigned memory_kib = 19'456;
  unsigned passes = 2;
};

// Argon2id with a random salt, as a PHC string ("$argon2id$v=19$..."). Takes tens of milliseconds
// and the memory of its cost: call it in an aft::blocking handler or a job, never on an event loop,
// where it throws aft::error.
std::string hash_password(std::string_view password, password_cost cost = {});

// Whether it is the password of that hash; false for a hash that is malformed. Costs what the hash
// says. With an empty hash (no such account) it costs the same and is false, so that the time does
// not tell who has an account.
// Hashes of other programs are known too, where accounts came from there: bcrypt ("$2a$", "$2b$",
// "$2y$", to cost 16) and PBKDF2 as Django ("pbkdf2_sha256$...") and passlib or PHC write it
// ("$pbkdf2-sha256$..."). needs_rehash() is true for all of them.
bool verify_password(std::string_view hash, std::string_view password);

// Whether a hash was made with less than this cost, so that it should be made anew at the next
// login.
bool needs_rehash(std::string_view hash, password_cost cost = {});

}  // namespace aft
