#pragma once
// Columns whose values only the program can read: sealed with a key that is not in the database.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aft/ground/error.hpp>
#include <aft/ground/function.hpp>
#include <aft/ground/type.hpp>
#include <aft/storage/database.hpp>

namespace aft {

// A key, and the name that sealed values say it by. The name is public: 1 to 32 letters, digits,
// "-" and "_".
struct sealing_key {
  std::string id;
  std::string bytes;  // 32, random
};

sealing_key make_sealing_key(std::string id);

// Keys as text: lines of "id=base64", the newest first; empty lines and such that begin with # are
// let be. Throws configuration_error, which never says what a key is.
std::vector<sealing_key> read_sealing_keys(std::string_view text);
std::vector<sealing_key> sealing_keys_from_environment(const char* variable);
// Its owner must be this user or root, and nobody else may read it: mode 0600 or 0400.
std::vector<sealing_key> sealing_keys_from_file(const std::string& file);

// A value that was sealed. It is a blob in SQL (bytea in PostgreSQL).
struct sealed {
  std::vector<std::byte> bytes;
  friend bool operator==(const sealed&, const sealed&) = default;
};

// A text that must not get anywhere by mistake: to print it, to write it as JSON or to bind it to a
// statement does not compile. Its memory is wiped.
class secret_text {
 public:
  explicit secret_text(std::string text) : text_(std::move(text)) {}
  secret_text(const secret_text&) = default;
  secret_text(secret_text&& other) noexcept : text_(std::move(other.text_)) { other.wipe(); }
  secret_text& operator=(secret_text other) noexcept {
    text_.swap(other.text_);
    return *this;
  }
  ~secret_text() { wipe(); }
  const std::string& reveal() const { return text_; }

 private:
  void wipe() noexcept;
  std::string text_;
};

// Where a sealed value lies. One that is found elsewhere does not open.
struct sealed_place {
  std::string_view table, column;
  std::string row;  // the key of the row, as text
};

// A value does not open: its key is not in the ring, or it was altered, or moved from another
// place. The message names the place and the key's id.
class unsealing_error : public error {
 public:
  using error::error;
};

// Seals with the newest of its keys and opens with any: XChaCha20-Poly1305 with a random nonce for
// each value, over the place and the key's id. Any thread.
//   const auto id = notes.insert(tx, in).id;  // a row has its key before its secret
//   tx.execute("update note set pin = $2 where id = $1", id,
//              ring.seal(pin, {"note", "pin", std::to_string(id)}));
class key_ring {
 public:
  // The newest first. Throws configuration_error for none, a wrong one, or two of one id.
  explicit key_ring(const std::vector<sealing_key>& keys);
  // With the keys of a service for keys, or of whatever `load` asks: here, and at reload().
  static key_ring loaded_by(function<std::vector<sealing_key>()> load);
  key_ring(const key_ring&) = delete;
  key_ring& operator=(const key_ring&) = delete;
  ~key_ring();

  // Takes other keys into use while values are sealed and opened. To rotate: put a new key in front
  // and keep the old ones, reseal() every column, then leave the old ones out.
  void replace(const std::vector<sealing_key>& keys);
  // The same with what `load` gives now; what it throws leaves all as it was.
  void reload();

  sealed seal(std::string_view value, const sealed_place& place) const;
  secret_text open(const sealed& value, const sealed_place& place) const;  // throws unsealing_error

  // Whether the newest key has sealed it.
  bool is_newest(const sealed& value) const;

  // A text of 43 characters that equal values of one column share, to be kept in a column beside it
  // and searched by: it tells who can read the database which rows are equal, and no more. By the
  // newest key; with those of all keys a value is found while a rotation is under way.
  std::string index(std::string_view value, std::string_view table, std::string_view column) const;
  std::vector<std::string> indexes(std::string_view value, std::string_view table,
                                   std::string_view column) const;

 private:
  class impl;
  key_ring(impl* inside, std::nullptr_t) : impl_(inside) {}
  impl* impl_;
};

struct sealed_column {
  std::string table, column;
  std::string key = "id";    // an integer column
  std::string index{};       // the column of key_ring::index(), if there is one
  std::int64_t chunk = 200;  // rows of one transaction
};

// Seals anew what is not sealed with the newest key, in transactions of `chunk` rows and of low
// priority, while others write. The number of values. May be stopped and begun again at any time.
// Where none may wait it throws storage_error, misuse; for a value that does not open
// unsealing_error, with what came before it done.
std::int64_t reseal(database& db, const key_ring& keys, const sealed_column& what);

template <>
struct codec<sealed> {
  using written_as = std::vector<std::byte>;
  static written_as encode(const sealed& value) { return value.bytes; }
  static std::optional<sealed> decode(written_as&& bytes, std::string&) {
    return sealed{std::move(bytes)};
  }
};

}  // namespace aft
