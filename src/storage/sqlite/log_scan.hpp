#pragma once
// Reads SQLite's write-ahead log as its file format says (sqlite.org/fileformat2.html, section 4).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../durable_file.hpp"

namespace aft::storage {

// Finds whole commits in a log that others append to, and goes on where it stopped. What is only
// half written, or left of an older log, is not seen: each frame's checksum is that of all before
// it.
class log_scan {
 public:
  explicit log_scan(std::string path) : path_(std::move(path)) {}

  // Looks for commits beyond those known. Where the log has begun anew since, it is that one from
  // its begin.
  void advance();

  bool has_log() const { return bytes_ != 0; }
  std::uint32_t salt() const { return salt_[0]; }   // one more for each log that follows
  std::uint32_t frames() const { return frames_; }  // up to the last commit
  std::string last_commit() const;                  // for people
  std::int64_t bytes() const { return bytes_; }     // of the header and these frames; 0: no log
  // Frames that end a commit, and the bytes up to there.
  std::int64_t bytes_up_to(std::uint32_t frames) const;

  // Whether the log in the file is still the one that was scanned.
  bool still_there();
  std::size_t read(char* to, std::size_t size, std::int64_t offset);

 private:
  bool read_header();

  std::string path_;
  durable_file file_{};
  std::string header_{};
  std::uint32_t salt_[2] = {0, 0};
  std::uint32_t page_size_ = 0;
  bool big_endian_sums_ = false;
  std::uint32_t frames_ = 0;
  std::uint32_t sum_[2] = {0, 0};  // after these frames
  std::int64_t bytes_ = 0;
  std::vector<char> buffer_{};
};

}  // namespace aft::storage
