#include "unlock.hpp"

#include <sqlite3.h>

#include <fmt/format.h>

#include <aft/ground/error.hpp>
#include <aft/storage/errors.hpp>

namespace aft::storage {
namespace {

// Of the first row; empty also where the engine does not know what is asked.
std::string first_answer(sqlite3* db, const char* text) {
  std::string value;
  sqlite3_exec(
      db, text,
      [](void* to, int, char** values, char**) {
        *static_cast<std::string*>(to) = values[0] ? values[0] : "";
        return 0;
      },
      &value, nullptr);
  return value;
}

}  // namespace

// The text holds the key, so that no error may show it.
void say_key(sqlite3* db, const secret& key) {
  if (key.empty()) return;
  if (key.text().find('\0') != std::string::npos) {
    throw configuration_error("the key of the database holds a zero");
  }
  std::string text = "pragma key='";
  text.reserve(text.size() + 2 * key.size() + 1);  // so that no part of it is left elsewhere
  for (const char c : key.text()) text.append(c == '\'' ? 2 : 1, c);
  text += '\'';
  const secret command(std::move(text));
  if (first_answer(db, command.text().c_str()) == "ok" || !name_of_cipher(db).empty()) return;
  throw configuration_error(
      "there is a key for the database, but this SQLite does not encrypt; build aft with one "
      "that does (AFT_SQLITE_TARGET)");
}

void check_key(sqlite3* db) {
  const int code =
      sqlite3_exec(db, "select count(*) from sqlite_schema", nullptr, nullptr, nullptr);
  switch (code & 0xff) {
    case SQLITE_OK: return;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: throw storage_error(storage_fault::busy, sqlite3_errmsg(db));
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      throw storage_error(storage_fault::io,
                          fmt::format("cannot read the database: {}", sqlite3_errmsg(db)));
    default:
      throw storage_error(
          storage_fault::corrupt,
          fmt::format("the key does not open the database: {}", sqlite3_errmsg(db)));
  }
}

std::string name_of_cipher(sqlite3* db) {
  if (const auto version = first_answer(db, "pragma cipher_version"); !version.empty()) {
    return "SQLCipher " + version;
  }
  return first_answer(db, "pragma cipher");
}

bool log_shows_its_end(sqlite3* db) { return first_answer(db, "pragma mc_legacy_wal") != "1"; }

}  // namespace aft::storage
