#pragma once
// What lies in the directory of one backup, and who may read it.

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include <aft/storage/backup.hpp>

#include "backup_stream.hpp"

namespace aft::storage {

inline constexpr std::string_view library_version = "0.1.0";
inline constexpr const char* manifest_file = "manifest.json";
inline constexpr const char* manifest_sum_file = "manifest.sum";
inline constexpr const char* verified_file = "verified.json";
inline constexpr std::size_t most_manifest_bytes = 256u << 20;  // some million files
inline constexpr const char* partial_prefix = "/.partial-";

// Keys made of the host's, for one backup. Empty: it is not encrypted.
struct backup_secrets {
  std::string stream{};
  std::string manifest{};
};

// Nothing where the key is empty. Throws configuration_error for one that is none.
std::optional<backup_encryption> begin_encryption(const backup_key& key);
backup_secrets make_secrets(const backup_key& key, const backup_manifest& manifest);

// Of the manifest's text: hexadecimal, SHA-256 or HMAC.
std::string manifest_sum(const std::string& text, const backup_secrets& secrets);

// What is appended to the names of stored files, for people.
std::string stored_suffix(const backup_manifest& manifest);

stream_coding coding_of(const backup_manifest& manifest, const backup_secrets& secrets,
                        const std::string& stored_as);

// backup_to a directory that is broken off once `stopped` is true: throws storage_error, closed.
backup_info backup_until(database& db, const std::string& directory, const backup_options& options,
                         const std::atomic<bool>& stopped,
                         std::size_t manifest_bytes = most_manifest_bytes);

struct opened_backup {
  std::string path;
  backup_manifest manifest;
  backup_secrets secrets;
};

// Throws storage_error, corrupt, where it was changed or the key does not fit.
opened_backup open_backup(const std::string& path, const backup_key& key);

// Reads all of a stored file, which must be as it was, into a new file; without a path it is only
// read.
void extract(const opened_backup& from, const backup_file& what, const std::string& to);

// The database with its log, as a new file that is whole by itself. The key is the database's.
void extract_database(const opened_backup& from, const std::string& to, const secret& key);

// Throws storage_error, corrupt, where the database in `what` has a key and there is none here, or
// the other way.
void require_key_that_fits(const std::string& what, const std::optional<std::string>& keyed_by,
                           const secret& key);

}  // namespace aft::storage
