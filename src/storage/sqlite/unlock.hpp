#pragma once
// The key of a SQLite file that its engine encrypts as a whole.

#include <optional>
#include <string>

#include <aft/ground/secret.hpp>

struct sqlite3;

namespace aft::storage {

// Says it, as the first of a connection, where there is one; nothing is read by that. Throws
// configuration_error, without the key in it, where this SQLite does not encrypt.
void say_key(sqlite3* db, const secret& key);

// Throws storage_error: corrupt, where it does not open the file.
void check_key(sqlite3* db);

// The engine and its version, or its cipher; for people.
std::string name_of_cipher(sqlite3* db);

// Whether the sums in the write-ahead log are those of the bytes as they lie in it, so that who has
// no key sees where it ends. It is so but for SQLite3MultipleCiphers with mc_legacy_wal.
bool log_shows_its_end(sqlite3* db);

}  // namespace aft::storage
