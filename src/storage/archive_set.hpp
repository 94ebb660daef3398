#pragma once
// What lies in the directory of an archive: one directory for each base copy, with what was written
// after it.
//
//   <time>-<random>/base.zst      the bytes of the database file while its log did not begin anew
//                   base.json     written last: without it the rest is worth nothing
//                   00000001.log  the log that was there then; those that followed
//                   marks         what was committed when, a line each: log, frames, time in
//                                 microseconds, and "closed" at an end behind which nothing was
//                                 written. A line of what is in the one before says that nothing
//                                 was committed in between.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <aft/ground/time.hpp>

namespace aft::storage {

inline constexpr const char* base_file = "base.zst";
inline constexpr const char* base_about_file = "base.json";
inline constexpr const char* marks_file = "marks";

struct archive_base {
  int format = 1;
  time_point time;  // of the first mark
  std::int64_t size = 0;
  std::int64_t stored_size = 0;
  std::string sha256;
  std::optional<std::string> keyed_by;   // as in a backup_manifest
  std::optional<std::int64_t> interval;  // archive_options::interval, in microseconds
  std::optional<time_point> made_at;     // by the clock; `time` is never before marks of before
};

struct archive_mark {
  std::uint32_t log = 0;  // number of the file; 0: there was none
  std::uint32_t frames = 0;
  time_point time;  // what was committed before is in it, and nothing of later
  bool is_closed = false;

  bool is_same_state(const archive_mark& other) const {
    return log == other.log && frames == other.frames;
  }
};

struct archive_generation {
  std::string path;
  archive_base base;

  std::vector<archive_mark> marks() const;  // read anew; one at least, or it throws corrupt
};

// For how long after a mark its state may be given as that of a moment, though something may have
// been written since: what an archive promises to lose at most.
inline duration most_lost(const archive_base& base) {
  return std::max(seconds(2), microseconds(base.interval.value_or(0)) * 2);
}

std::string log_file_name(std::uint32_t number);
std::string mark_line(const archive_mark& mark);

// Those that are whole, the oldest first.
std::vector<archive_generation> list_generations(const std::string& directory);

// For the next run, before anything is written: what ended by itself was as it is until now. The
// time of the last mark; 1970 where there is none.
time_point reopen_archive(const std::string& directory, time_point now);

// Removes what was left unfinished; whoever calls it has the archive for himself.
void remove_unfinished_generations(const std::string& directory);
// And those that only lead to moments longer ago.
void remove_old_generations(const std::string& directory, time_point now, duration keep);

}  // namespace aft::storage
