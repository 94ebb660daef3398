#pragma once
// Copies of a database that runs, and the ways back from them.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/clock.hpp>
#include <aft/ground/function.hpp>
#include <aft/ground/secret.hpp>
#include <aft/ground/time.hpp>
#include <aft/storage/database.hpp>

namespace aft {

// What encrypts a backup: 32 random bytes, or a passphrase (by Argon2id); neither: it is not
// encrypted. Nobody can read an encrypted backup without it, the library's makers included.
struct backup_key {
  std::string bytes{};
  std::string passphrase{};
};

// One file of a backup.
struct backup_file {
  std::string path;          // within the directory it was in; empty for the database
  std::string stored_as;     // within the backup
  std::int64_t size = 0;     // as it was
  std::int64_t stored_size;  // in the backup
  std::string sha256;        // of what is stored, hexadecimal
};

struct backup_encryption {
  std::string cipher;  // "xchacha20poly1305"
  std::string kdf;     // "none" or "argon2id"
  std::string salt;    // hexadecimal
  std::int64_t passes = 0;
  std::int64_t memory_bytes = 0;
};

struct applied_migrations {
  std::string line;
  std::vector<std::string> names;
};

struct table_rows {
  std::string table;
  std::int64_t rows = 0;
};

// manifest.json of a backup. It is not encrypted, but protected from change by the same key.
struct backup_manifest {
  int format = 1;
  std::string id;
  time_point time;      // what was committed before is in it
  std::string commit;   // its last: salt of SQLite's log, number of the frame
  std::string library;  // versions
  std::string sqlite;
  std::string application;
  std::string application_version;
  bool compressed = false;
  std::optional<backup_encryption> encryption;
  // Of a database with a key (storage_options::key): the engine, or its cipher, that opens it.
  std::optional<std::string> keyed_by;
  std::vector<applied_migrations> schema;
  std::vector<table_rows> tables;
  backup_file database;
  std::optional<backup_file> log;  // SQLite's, that belongs to the database
  std::vector<backup_file> files;
};

struct backup_info {
  std::string path;  // a directory
  std::string name;  // its last part
  backup_manifest manifest;
  std::optional<time_point> verified;  // when it was, last
};

struct backup_options {
  std::string name{};  // empty: the time
  backup_key key{};
  bool compress = true;
  std::int64_t bytes_per_second = 64 << 20;  // at most, so that others get at the disk; 0: any
  bool count_rows = true;                    // of each table, for verify_backup
  std::string files{};                       // a directory beside the database; empty: none
  std::string application{};
  std::string application_version{};
};

// Writes a backup into `directory`, as a directory of its own, which gets its name when all of it
// is on the disk. The database is as it was at one moment; nobody is kept from reading or writing
// it meanwhile, but its log grows. Files are copied after it, plain files alone: one that was there
// before the row that names it, and is never changed, is in the backup. A database with a key
// (storage_options::key) is in it as it lies on the disk, encrypted by that key, with or without
// another of the backup; the manifest still names its tables and migrations. Any thread that may
// wait. Throws storage_error, and leaves nothing then.
backup_info backup_to(database& db, const std::string& directory,
                      const backup_options& options = {});

// Takes the bytes of a backup, in order, on the thread that makes it. It may block, but the log
// grows as long; what it throws ends the backup.
using backup_sink = function<void(std::string_view bytes)>;

// The same as one stream of bytes, parts and manifest, in constant memory; the name is not used. As
// a file it can be verified and restored as a directory can, but has no place for a mark.
backup_manifest backup_to(database& db, const backup_sink& sink,
                          const backup_options& options = {});

// Gives the next bytes of such a stream: their number, at most `size`; 0 at the end.
using backup_source = function<std::size_t(char* to, std::size_t size)>;

// Writes such a stream into `directory` as a backup of its own; without a name it is called by its
// time. It is not verified by that. Throws storage_error, corrupt, where it was cut off, and leaves
// nothing then.
backup_info receive_backup(const backup_source& source, const std::string& directory,
                           const std::string& name = {});

// The whole backups of a directory, the newest first. What is not one is passed over.
std::vector<backup_info> list_backups(const std::string& directory);

// How old the data of the newest backup is that was verified; nothing: none was.
std::optional<duration> age_of_last_verified(const std::string& directory, const clock& time);

struct backup_check {
  std::vector<std::string> checked;  // what was done, in sentences
  std::vector<std::string> wrong;    // empty: it can be relied upon
  bool sound() const { return wrong.empty(); }
};

// Restores a backup to a temporary place, and asks SQLite and the manifest about it. A directory
// that is sound is marked as verified. `scratch` needs room for the database, and holds it
// meanwhile without the backup's encryption; for a backup in one file, for that, too; empty: the
// system's directory for temporary files. `database_key` is the storage_options::key of what was
// backed up, by which it stays encrypted there as well; without the right one it is not sound. What
// verifications that were killed have left in `scratch` is removed.
[[nodiscard]] backup_check verify_backup(const std::string& path, const backup_key& key,
                                         const clock& time, const std::string& scratch = {},
                                         const secret& database_key = {});

// ---- the way back

// The migrations that a program knows of one line; see database::migrate.
struct known_migrations {
  std::string line;
  std::vector<migration> steps;
};

struct restore_options {
  backup_key key{};
  secret database_key{};                   // storage_options::key of what was backed up or archived
  std::string files{};                     // where its files go, a directory; empty: nowhere
  std::vector<known_migrations> schema{};  // what is newer than these lines is refused
};

// What was put in place, and where the previous one went. Empty: there was none.
struct restored {
  std::string database;
  std::string previous;
  std::string files;
  std::string previous_files;
  time_point as_of;  // when it was so
};

// Puts a backup in the place of a database that nobody has open, after it was restored beside it
// and found sound. Either the old or the new one is there at any moment; the old one is kept, with
// the time in its name. Throws storage_error: busy, where a process has the database open (this one
// too); corrupt, where the backup was changed or a key is wrong, missing or one too many; and
// configuration_error, where the program's migrations do not fit. Nothing is changed then. What is
// restored has the key that the database had.
//
// The database and the files are replaced both or neither: what a process was killed in is taken
// back when the database is opened, restored or undone the next time, to be done again; who opens
// it meanwhile waits, up to storage_options::busy_timeout. Until then a note of it lies beside the
// database ("notes.db.restoring"), and one may be new and the other old. A program that knows no
// notes, as the sqlite3 shell, may have it open until then: where something was written after it
// was placed, or files were moved or copied, nothing is taken back, and opening, restoring and
// undoing throw storage_error, corrupt, which says what to do. Killed earlier it changes nothing,
// but leaves directories ("notes.db.restoring-x1Y2z3", the same beside the files) with copies that
// are not encrypted by the backup's key; the next restore removes them.
//
// What is restored gets the owner (if root restores it) and the mode of the database before it, and
// of the directory of files. Below that, files are for their owner alone, and directories as the
// process makes them (umask): a backup holds neither owners nor modes.
restored restore_backup(const std::string& path, const std::string& database_file,
                        const clock& time, const restore_options& options = {});

// The same from what storage_options::archive has written: the state at a moment, or the latest.
// That is all that was committed archive_options::interval before, and nothing of later; a moment
// of which more than 2 s (twice the interval, if that is more) may be missing is refused. Files are
// not in it, and it is encrypted by the database's key alone, if that has one. Throws
// configuration_error, where it does not know the moment; see list_archive.
restored restore_archive(const std::string& directory, const std::string& database_file,
                         const clock& time, std::optional<time_point> to = {},
                         const restore_options& options = {});

// Goes back to what was there before, both or neither of the database and the files, as above. What
// was restored gets the name that the previous one had, so that doing it twice undoes it; files
// stay where there were none before. The key is of what is there now. Throws storage_error.
void undo_restore(const restored& r, const secret& database_key = {});

// ---- which to keep

// Of each of so many last hours, days, weeks and months (UTC) that have backups, the newest stays.
struct retention {
  int hourly = 24;
  int daily = 7;
  int weekly = 5;
  int monthly = 12;
};

struct dated_backup {
  std::string name;
  time_point time;
  bool verified = false;
};

// The names of those that may go, the oldest first; never the newest, nor the newest verified one.
std::vector<std::string> superfluous(std::span<const dated_backup> backups, const retention& keep);

// Removes them from a directory, and what broken-off backups have left there. Their names.
std::vector<std::string> prune_backups(const std::string& directory, const retention& keep);

}  // namespace aft
