#pragma once
// Puts a database file together again, looks whether it is sound, and puts it in its place.

#include <memory>
#include <string>
#include <vector>

#include <aft/storage/backup.hpp>

#include "raw_file.hpp"
#include "restore_plan.hpp"

namespace aft::storage {

// Of a file, or a directory and all that is in it, as far as this process may; with its mode.
void give_to_owner_of(const std::string& before, const std::string& fresh);

// SQLite follows a link, so its logs, and what replaces the file, belong where that leads.
std::string resolved(const std::string& path);

// Moves what lies in the log beside a database into it. Nobody else may have it open: throws
// storage_error, busy.
void take_in_log(const std::string& database, const secret& key);

// In sentences; empty: none.
std::vector<std::string> find_faults(raw_file& database);

std::vector<applied_migrations> read_schema(raw_file& database);
std::vector<table_rows> count_rows(raw_file& database);

// Throws configuration_error where migrations were applied that a program does not have.
void refuse_newer(const std::vector<applied_migrations>& applied,
                  const std::vector<known_migrations>& known);

// Both of these, of a file; throws storage_error, corrupt.
void require_sound(const std::string& database, const secret& key,
                   const std::vector<known_migrations>& known);

// The place of a database that nobody has open, and nobody can open as long as this lives.
class database_place {
 public:
  // Takes back a restore that has broken off. Throws storage_error, busy.
  database_place(const std::string& file, const secret& key);
  // Puts a database there, and files in their place, both or neither. The name that the previous
  // one got, or empty.
  std::string put(const std::string& fresh, time_point now, const placing& files = {});
  void exchange(const std::string& with, const placing& files);

 private:
  std::string file_;
  std::unique_ptr<raw_file> lock_;  // null: there is no file
};

// "notes.db.before-2026-01-31T120000Z", or with a number behind it, so that nothing has that name.
std::string name_for_previous(const std::string& path, time_point now);

}  // namespace aft::storage
