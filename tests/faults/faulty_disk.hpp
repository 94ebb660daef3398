#pragma once
// A disk that counts, and fails when a test says so: it stands between SQLite and its files.

#include <cstdint>

namespace faults {

enum class operation : std::uint8_t { write, sync, read, lock };

struct fault {
  operation of;
  int result;         // of SQLite, such as SQLITE_FULL
  bool half = false;  // a write has written its first half; a read has read that, then zeros
  bool lasts = true;  // all that follow fail too, until the disk is mended
};

// One in the process, which every database that is opened in the meantime uses.
class faulty_disk {
 public:
  faulty_disk();
  faulty_disk(const faulty_disk&) = delete;
  faulty_disk& operator=(const faulty_disk&) = delete;
  ~faulty_disk();  // after all databases are closed

  // From the nth operation of the fault's kind from now on, counted from 0.
  void fail(const fault& f, std::uint64_t nth);
  void mend();

  bool has_failed() const;  // since fail()

  std::uint64_t count(operation o) const;  // of all files, whether they failed or not
};

}  // namespace faults
