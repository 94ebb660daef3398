#include <aft/storage/sealed.hpp>

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>

#include <fmt/format.h>

#include <aft/ground/encoding.hpp>
#include <aft/ground/random.hpp>

namespace aft {

struct derived_key {
  std::string id;
  std::array<unsigned char, crypto_kdf_KEYBYTES> sealing{}, indexing{};
  ~derived_key() {
    sodium_memzero(sealing.data(), sealing.size());
    sodium_memzero(indexing.data(), indexing.size());
  }
};

using derived_keys = std::vector<derived_key>;

namespace {

constexpr std::size_t key_bytes = crypto_kdf_KEYBYTES;
constexpr std::size_t nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t max_key_file = 64 * 1024;
constexpr std::byte sealed_format{1};  // format, length of the id, id, nonce, ciphertext with tag

// A key's two uses have keys of their own.
constexpr std::uint64_t sealing_use = 1, indexing_use = 2;

bool is_key_id(std::string_view id) {
  return !id.empty() && id.size() <= 32 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

const unsigned char* unsigned_bytes(const void* p) { return static_cast<const unsigned char*>(p); }

std::shared_ptr<const derived_keys> derive(const std::vector<sealing_key>& keys) {
  static_assert(key_bytes == 32);
  if (sodium_init() < 0) throw error("libsodium cannot be initialised");
  if (keys.empty()) throw configuration_error("a key ring without a key");
  auto derived = std::make_shared<derived_keys>();
  for (const auto& key : keys) {
    if (!is_key_id(key.id)) {
      throw configuration_error(
          "the id of a sealing key must be 1 to 32 letters, digits, \"-\" and \"_\"");
    }
    if (key.bytes.size() != key_bytes) {
      throw configuration_error(
          fmt::format("the sealing key {} has {} bytes, not 32", key.id, key.bytes.size()));
    }
    for (const auto& other : *derived) {
      if (other.id == key.id) {
        throw configuration_error(fmt::format("two sealing keys are named {}", key.id));
      }
    }
    auto& d = derived->emplace_back();
    d.id = key.id;
    const auto* from = unsigned_bytes(key.bytes.data());
    crypto_kdf_derive_from_key(d.sealing.data(), key_bytes, sealing_use, "aft seal", from);
    crypto_kdf_derive_from_key(d.indexing.data(), key_bytes, indexing_use, "aft seal", from);
  }
  return derived;
}

// No two lists of parts make the same text.
std::string joined_parts(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (auto part : parts) all += fmt::format("{}:{}", part.size(), part);
  return all;
}

std::string authenticated(const sealed_place& place, std::string_view key_id) {
  return joined_parts({"aft sealed 1", place.table, place.column, place.row, key_id});
}

std::string_view key_id_of(const sealed& value) {
  const auto& b = value.bytes;
  if (b.size() < 2 || b[0] != sealed_format) return {};
  const auto length = std::size_t(b[1]);
  if (b.size() < 2 + length + nonce_bytes + tag_bytes) return {};
  return {reinterpret_cast<const char*>(b.data()) + 2, length};
}

std::string blind_index(const derived_key& key, std::string_view value, std::string_view table,
                        std::string_view column) {
  const auto text = joined_parts({"aft index 1", table, column, value});
  unsigned char hash[32];
  crypto_generichash(hash, sizeof hash, unsigned_bytes(text.data()), text.size(),
                     key.indexing.data(), key.indexing.size());
  return to_base64url({reinterpret_cast<const char*>(hash), sizeof hash});
}

struct opened_key_file {
  int descriptor;
  ~opened_key_file() {
    if (descriptor >= 0) ::close(descriptor);
  }
};

}  // namespace

void secret_text::wipe() noexcept {
  sodium_memzero(text_.data(), text_.capacity());  // what was moved away may still lie there
  text_.clear();
}

// ---- keys

sealing_key make_sealing_key(std::string id) { return {std::move(id), random_bytes(key_bytes)}; }

std::vector<sealing_key> read_sealing_keys(std::string_view text) {
  std::vector<sealing_key> keys;
  for (int number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.remove_suffix(1);
    if (line.empty() || line[0] == '#') continue;
    const auto equals = line.find('=');
    sealing_key key;
    if (equals == line.npos || !from_base64(line.substr(equals + 1), key.bytes) ||
        key.bytes.size() != key_bytes) {
      throw configuration_error(
          fmt::format("line {} of the sealing keys is not \"id=\" and 32 bytes in base64", number));
    }
    key.id = line.substr(0, equals);
    keys.push_back(std::move(key));
  }
  return keys;
}

std::vector<sealing_key> sealing_keys_from_environment(const char* variable) {
  const char* text = std::getenv(variable);
  if (!text) {
    throw configuration_error(
        fmt::format("the environment variable {} with the sealing keys is not set", variable));
  }
  return read_sealing_keys(text);
}

std::vector<sealing_key> sealing_keys_from_file(const std::string& file) {
  auto refuse = [&](std::string_view why) {
    return configuration_error(fmt::format("the sealing keys in {}: {}", file, why));
  };
  const opened_key_file opened{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (opened.descriptor < 0) throw refuse(std::strerror(errno));
  struct stat about {};
  if (::fstat(opened.descriptor, &about) != 0) throw refuse(std::strerror(errno));
  if (!S_ISREG(about.st_mode)) throw refuse("that is no file");
  if (about.st_uid != ::geteuid() && about.st_uid != 0) throw refuse("it belongs to another user");
  if (about.st_mode & 077) throw refuse("others may read or write it; chmod 600");
  std::string text(max_key_file, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const auto count = ::read(opened.descriptor, text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw refuse(std::strerror(errno));
    if (count == 0) break;
    size += std::size_t(count);
  }
  if (size == text.size()) throw refuse("it is too large");
  text.resize(size);
  auto keys = read_sealing_keys(text);
  sodium_memzero(text.data(), text.size());
  return keys;
}

// ---- the ring

class key_ring::impl {
 public:
  explicit impl(std::shared_ptr<const derived_keys> keys,
                function<std::vector<sealing_key>()> load = {})
      : keys_(std::move(keys)), load_(std::move(load)) {}

  // Shared by those who seal or open with them at the moment.
  std::shared_ptr<const derived_keys> keys() const {
    std::lock_guard lock(mutex_);
    return keys_;
  }
  void replace(std::shared_ptr<const derived_keys> keys) {
    std::lock_guard lock(mutex_);
    keys_.swap(keys);
  }
  void reload() {
    if (!load_) throw configuration_error("a key ring that was given keys does not load any");
    std::lock_guard lock(loading_);
    replace(derive(load_()));
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const derived_keys> keys_;  // guarded by mutex_
  std::mutex loading_;
  function<std::vector<sealing_key>()> load_;  // guarded by loading_
};

key_ring::key_ring(const std::vector<sealing_key>& keys) : impl_(new impl(derive(keys))) {}
key_ring key_ring::loaded_by(function<std::vector<sealing_key>()> load) {
  if (!load) throw configuration_error("a key ring needs a function that loads its keys");
  auto keys = derive(load());
  return key_ring(new impl(std::move(keys), std::move(load)), nullptr);
}
key_ring::~key_ring() { delete impl_; }

void key_ring::replace(const std::vector<sealing_key>& keys) { impl_->replace(derive(keys)); }
void key_ring::reload() { impl_->reload(); }

sealed key_ring::seal(std::string_view value, const sealed_place& place) const {
  const auto keys = impl_->keys();
  const auto& key = keys->front();
  const auto about = authenticated(place, key.id);
  sealed made;
  const auto head = 2 + key.id.size();
  made.bytes.resize(head + nonce_bytes + value.size() + tag_bytes);
  made.bytes[0] = sealed_format;
  made.bytes[1] = std::byte(key.id.size());
  std::memcpy(made.bytes.data() + 2, key.id.data(), key.id.size());
  auto* nonce = reinterpret_cast<unsigned char*>(made.bytes.data()) + head;
  randombytes_buf(nonce, nonce_bytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(
      nonce + nonce_bytes, nullptr, unsigned_bytes(value.data()), value.size(),
      unsigned_bytes(about.data()), about.size(), nullptr, nonce, key.sealing.data());
  return made;
}

secret_text key_ring::open(const sealed& value, const sealed_place& place) const {
  const auto keys = impl_->keys();
  const auto id = key_id_of(value);
  auto refuse = [&](std::string_view why) {
    return unsealing_error(fmt::format("the sealed value of {}.{} in row {} {}", place.table,
                                       place.column, place.row, why));
  };
  if (id.empty()) throw refuse("is none");
  const auto key =
      std::find_if(keys->begin(), keys->end(), [&](const derived_key& k) { return k.id == id; });
  if (key == keys->end()) {
    throw refuse(is_key_id(id) ? fmt::format("needs the key {}, which the ring does not have", id)
                               : "is damaged");
  }
  const auto about = authenticated(place, id);
  const auto* nonce = unsigned_bytes(value.bytes.data()) + 2 + id.size();
  const auto size = value.bytes.size() - 2 - id.size() - nonce_bytes;
  std::string text(size - tag_bytes, '\0');
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          reinterpret_cast<unsigned char*>(text.data()), nullptr, nullptr, nonce + nonce_bytes,
          size, unsigned_bytes(about.data()), about.size(), nonce, key->sealing.data()) != 0) {
    throw refuse(
        fmt::format("does not open with the key {}: the key is another one of that id, or "
                    "the value was altered or comes from another place",
                    id));
  }
  return secret_text(std::move(text));
}

bool key_ring::is_newest(const sealed& value) const {
  return key_id_of(value) == impl_->keys()->front().id;
}

std::string key_ring::index(std::string_view value, std::string_view table,
                            std::string_view column) const {
  return blind_index(impl_->keys()->front(), value, table, column);
}

std::vector<std::string> key_ring::indexes(std::string_view value, std::string_view table,
                                           std::string_view column) const {
  std::vector<std::string> all;
  for (const auto& key : *impl_->keys()) all.push_back(blind_index(key, value, table, column));
  return all;
}

// ---- reseal

namespace {

struct sealed_row {
  std::int64_t id;
  std::optional<sealed> value;
};

sql_text select_sealed(const sealed_column& what) {
  sql_text q("select");
  q.add_name(what.key).add("as id,").add_name(what.column).add("as value from");
  return q.add_name(what.table).add("where").add_name(what.key);
}

// Whether it was to be done.
bool reseal_row(transaction& tx, const key_ring& keys, const sealed_column& what, std::int64_t id) {
  // Read again: it may have been written or erased meanwhile.
  const auto row = tx.find<sealed_row>(select_sealed(what).add("= $1", id));
  if (!row || !row->value || keys.is_newest(*row->value)) return false;
  const sealed_place place{what.table, what.column, std::to_string(id)};
  const auto text = keys.open(*row->value, place);
  sql_text update("update");
  update.add_name(what.table).add("set").add_name(what.column);
  update.add("= $1", keys.seal(text.reveal(), place));
  if (!what.index.empty()) {
    update.add(",").add_name(what.index);
    update.add("= $1", keys.index(text.reveal(), what.table, what.column));
  }
  tx.execute(update.add("where").add_name(what.key).add("= $1", id));
  return true;
}

struct resealed_chunk {
  std::int64_t count = 0;
  std::exception_ptr failure{};  // of the row behind these
};

resealed_chunk reseal_chunk(transaction& tx, const key_ring& keys, const sealed_column& what,
                            const std::vector<std::int64_t>& rows) {
  resealed_chunk done;
  for (const auto id : rows) {
    try {
      done.count += reseal_row(tx, keys, what, id);
    } catch (const unsealing_error&) {
      done.failure = std::current_exception();
      break;
    }
  }
  return done;
}

}  // namespace

std::int64_t reseal(database& db, const key_ring& keys, const sealed_column& what) {
  std::int64_t done = 0;
  std::optional<std::int64_t> last;
  while (true) {
    // The writer is held for those that are old alone.
    std::vector<std::int64_t> old;
    std::int64_t seen = 0;
    db.read([&](reader& r) {
      auto q = select_sealed(what);
      if (last) q.add("> $1", *last);
      else q.add("is not null");
      q.add("order by").add_name(what.key).add("limit $1", what.chunk);
      r.each<sealed_row>(q, [&](sealed_row& row) {
        ++seen;
        last = row.id;
        if (row.value && !keys.is_newest(*row.value)) old.push_back(row.id);
      });
    });
    if (!seen) return done;
    if (old.empty()) continue;
    const auto chunk = db.write([&](transaction& tx) { return reseal_chunk(tx, keys, what, old); },
                                {.low_priority = true});
    if (chunk.failure) std::rethrow_exception(chunk.failure);
    done += chunk.count;
  }
}

}  // namespace aft
