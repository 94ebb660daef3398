#include "backup_set.hpp"

#include <sodium.h>
#include <unistd.h>

#include <string_view>

#include <fmt/format.h>

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/json.hpp>
#include <aft/ground/random.hpp>

#include "sqlite/rebuild.hpp"

namespace aft::storage {
namespace {

constexpr std::size_t key_size = 32;
constexpr std::int64_t argon2_passes = 3;
constexpr std::int64_t argon2_memory = 64 << 20;
// What a manifest of strangers may make this process do.
constexpr std::int64_t most_argon2_passes = 16;
constexpr std::int64_t most_argon2_memory = 1 << 30;
constexpr const char* cipher_name = "xchacha20poly1305";

[[noreturn]] void fail_backup(const std::string& path, std::string_view what) {
  throw storage_error(storage_fault::corrupt, fmt::format("the backup {} {}", path, what));
}

std::string stretch(const backup_key& key, const backup_encryption& how) {
  if (how.kdf == "none") return key.bytes;
  std::string salt, master(key_size, '\0');
  const bool sane = how.kdf == "argon2id" && from_hex(how.salt, salt) &&
                    salt.size() == crypto_pwhash_SALTBYTES && how.passes >= 1 &&
                    how.passes <= most_argon2_passes && how.memory_bytes >= 8192 &&
                    how.memory_bytes <= most_argon2_memory;
  if (!sane) {
    throw storage_error(storage_fault::corrupt, "a backup's encryption makes no sense");
  }
  if (crypto_pwhash(reinterpret_cast<unsigned char*>(master.data()), master.size(),
                    key.passphrase.data(), key.passphrase.size(),
                    reinterpret_cast<const unsigned char*>(salt.data()),
                    static_cast<unsigned long long>(how.passes), std::size_t(how.memory_bytes),
                    crypto_pwhash_ALG_ARGON2ID13) != 0) {
    throw storage_error(storage_fault::other, "no memory to make a key of a passphrase");
  }
  return master;
}

void check_fit(const std::string& path, const backup_key& key, const backup_manifest& manifest) {
  const bool given = !key.bytes.empty() || !key.passphrase.empty();
  if (!manifest.encryption) {
    // Else whoever can exchange the backup could pass off one of his own.
    if (given) fail_backup(path, "is not encrypted, though a key was given for it");
    return;
  }
  if (!given) fail_backup(path, "is encrypted; give its key");
  if (manifest.encryption->cipher != cipher_name) fail_backup(path, "has an unknown cipher");
  if ((manifest.encryption->kdf == "none") == key.bytes.empty()) {
    fail_backup(path, key.bytes.empty() ? "needs a key, not a passphrase"
                                        : "needs a passphrase, not a key");
  }
}

}  // namespace

std::optional<backup_encryption> begin_encryption(const backup_key& key) {
  if (key.bytes.empty() && key.passphrase.empty()) return {};
  if (!key.bytes.empty() && !key.passphrase.empty()) {
    throw configuration_error("a backup is encrypted with a key or with a passphrase, not both");
  }
  if (!key.bytes.empty()) {
    if (key.bytes.size() != key_size) {
      throw configuration_error(
          fmt::format("the key of a backup has 32 bytes, not {}", key.bytes.size()));
    }
    return backup_encryption{cipher_name, "none", "", 0, 0};
  }
  return backup_encryption{cipher_name, "argon2id", to_hex(random_bytes(crypto_pwhash_SALTBYTES)),
                           argon2_passes, argon2_memory};
}

backup_secrets make_secrets(const backup_key& key, const backup_manifest& manifest) {
  if (!manifest.encryption) return {};
  random_bytes(1);  // starts the library
  auto master = stretch(key, *manifest.encryption);
  backup_secrets made{hmac_sha256(master, "aft backup stream " + manifest.id),
                      hmac_sha256(master, "aft backup manifest " + manifest.id)};
  sodium_memzero(master.data(), master.size());
  return made;
}

std::string manifest_sum(const std::string& text, const backup_secrets& secrets) {
  return to_hex(secrets.manifest.empty() ? sha256(text) : hmac_sha256(secrets.manifest, text));
}

std::string stored_suffix(const backup_manifest& manifest) {
  return std::string(manifest.compressed ? ".zst" : "") + (manifest.encryption ? ".sealed" : "");
}

stream_coding coding_of(const backup_manifest& manifest, const backup_secrets& secrets,
                        const std::string& stored_as) {
  return {manifest.compressed, secrets.stream, manifest.id + "/" + stored_as};
}

opened_backup open_backup(const std::string& path, const backup_key& key) {
  static_cast<void>(begin_encryption(key));  // says what is wrong with a key that is none
  for (const char* name : {manifest_file, manifest_sum_file}) {
    if (::access((path + "/" + name).c_str(), F_OK) == 0) continue;
    fail_backup(path, fmt::format("is none: it has no {}", name));
  }
  const auto text = read_whole_file(path + "/" + manifest_file, most_manifest_bytes);
  auto sum = read_whole_file(path + "/" + manifest_sum_file, 200);
  while (sum.ends_with('\n')) sum.pop_back();
  auto read = json::read<backup_manifest>(text, {.ignore_unknown = true});
  if (!read) {
    fail_backup(path, "has a manifest that cannot be read: " + read.reason().front().detail);
  }
  opened_backup opened{path, std::move(*read), {}};
  if (opened.manifest.format != 1) fail_backup(path, "is of a newer format than this program's");
  check_fit(path, key, opened.manifest);
  opened.secrets = make_secrets(key, opened.manifest);
  if (!equal_in_constant_time(sum, manifest_sum(text, opened.secrets))) {
    fail_backup(path, opened.manifest.encryption ? "was changed, or the key is another"
                                                 : "has a manifest that was changed");
  }
  return opened;
}

void extract(const opened_backup& from, const backup_file& what, const std::string& to) {
  const auto stored = from.path + "/" + what.stored_as;
  const std::string inside = "/" + what.stored_as + "/";
  if (inside.find("/../") != inside.npos || inside.find("//") != inside.npos) {
    fail_backup(from.path, "names files outside of it");
  }
  if (::access(stored.c_str(), F_OK) != 0) {
    fail_backup(from.path, fmt::format("lacks its file {}", what.stored_as));
  }
  backup_reader reader(stored, coding_of(from.manifest, from.secrets, what.stored_as),
                       {what.size, what.stored_size, what.sha256});
  if (to.empty()) {
    while (!reader.read().empty()) {}
    return;
  }
  auto out = durable_file::create(to);
  for (auto part = reader.read(); !part.empty(); part = reader.read()) out.write(part);
  out.sync();
}

void require_key_that_fits(const std::string& what, const std::optional<std::string>& keyed_by,
                           const secret& key) {
  if (keyed_by && key.empty()) {
    throw storage_error(storage_fault::corrupt,
                        fmt::format("{} is of a database with a key, by {}; give that key "
                                    "(database_key), too",
                                    what, *keyed_by));
  }
  if (keyed_by || key.empty()) return;
  // Else whoever can exchange it could pass off a database of his own.
  throw storage_error(
      storage_fault::corrupt,
      fmt::format("{} is of a database without a key, though one was given for it", what));
}

void extract_database(const opened_backup& from, const std::string& to, const secret& key) {
  require_key_that_fits("the backup " + from.path, from.manifest.keyed_by, key);
  extract(from, from.manifest.database, to);
  if (from.manifest.log) extract(from, *from.manifest.log, to + "-wal");
  take_in_log(to, key);
}

}  // namespace aft::storage
