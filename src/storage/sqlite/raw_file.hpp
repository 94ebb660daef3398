#pragma once
// A SQLite database as a file: its bytes, its locks, and questions of which each is asked once.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <aft/ground/secret.hpp>
#include <aft/ground/time.hpp>

struct sqlite3;
struct sqlite3_file;

namespace aft::storage {

enum class raw_access { read, write, create };

// A connection of its own. Where the process has others on the file, all must go through SQLite: to
// close any other descriptor of it would drop their locks. One thread at a time.
class raw_file {
 public:
  // Reads nothing yet, so a key is found wrong by the first statement. Throws storage_error, as all
  // here; and configuration_error, where there is a key and SQLite does not encrypt.
  raw_file(const std::string& path, raw_access access, const secret& key = {},
           duration busy_timeout = seconds(10));
  raw_file(const raw_file&) = delete;
  raw_file& operator=(const raw_file&) = delete;
  ~raw_file();

  // Whether the log stays as it is at the end, even if nobody else has the file open; else SQLite
  // takes it in, and removes it, though it can make nothing of the file.
  void leave_log(bool leave);

  void run(const std::string& sql);
  std::vector<std::vector<std::string>> rows(const std::string& sql);

  std::string log_path() const;
  // Who encrypts it, for people; nothing: it has no key. Throws configuration_error, where its log
  // cannot be copied by who does not have the key.
  std::optional<std::string> keyed_by();

  // Of the bytes as they lie there, encrypted or not.
  std::int64_t size();
  std::size_t read(char* to, std::size_t size, std::int64_t offset);  // less only at the end

  // Keeps all others out of the file, whatever it contains, as long as this lives. False: somebody
  // has it open. For one that nothing was read by.
  bool lock_out_others();

 private:
  sqlite3_file* file();
  [[noreturn]] void fail(const std::string& doing);

  sqlite3* db_ = nullptr;
  std::string path_;
  bool locked_ = false;
  std::unique_ptr<raw_file>
      stored_{};  // without the key, by which some engines decrypt all they read
};

// Puts a name into SQL.
std::string quoted_name(const std::string& name);

}  // namespace aft::storage
