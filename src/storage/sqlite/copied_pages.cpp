#include "copied_pages.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>

#include "page_table.hpp"

namespace aft::storage::sqlite {
namespace {

// The first half of a salt, which each log that begins over another has one more of.
std::uint32_t count_in(std::uint64_t salt) {
  unsigned char b[sizeof salt];
  std::memcpy(b, &salt, sizeof salt);
  return std::uint32_t(b[0]) << 24 | std::uint32_t(b[1]) << 16 | std::uint32_t(b[2]) << 8 | b[3];
}

bool is_next(std::uint64_t salt, std::uint64_t after) {
  return count_in(salt) == count_in(after) + 1;
}

}  // namespace

void copied_pages::forget(page_table& pages, sqlite3_file* file, const volatile std::uint64_t* head,
                          const copied_log& now) {
  // Where nothing was ever in a log, what is in the file has no name that would not come again.
  if (!now.salt || (now != last_ && !forget_named(pages, file, head, now))) pages.clear();
  if (is_next(now.salt, last_.salt)) {
    older_salts_[next_older_++ % older_salts_.size()] = last_.salt;
  } else if (now.salt != last_.salt) {
    older_salts_.fill(0);  // after a crash one of them may have come back
  }
  last_ = now;
}

bool copied_pages::forget_named(page_table& pages, sqlite3_file* file,
                                const volatile std::uint64_t* head, const copied_log& now) const {
  if (!last_.salt) return false;
  auto frame = last_.frames;
  if (now.salt != last_.salt) {
    if (!has_ended(pages.page_size(), now.salt)) return false;
    frame = 0;
  }
  if (now.frames < frame) return false;
  if (now.frames - frame > 64 * pages.places()) return false;  // reading them again is as cheap
  frame_pages named(file);
  while (frame < now.frames) {
    const auto page = named.of(++frame);
    if (!page) return false;
    pages.forget(page);
  }
  return is_still_of(head, now.salt);
}

// Another process that opens an empty log gives it a salt that follows on none, and if it comes to
// nothing, its frames stay. So only a log counts that was seen. None of these comes back after a
// crash once the last one has frames, as SQLite takes the salt from what the file begins with.
bool copied_pages::has_ended(std::size_t page_size, std::uint64_t next_salt) const {
  if (!last_.frames || !is_next(next_salt, last_.salt)) return false;
  sqlite3_file* log = nullptr;
  sqlite3_file_control(db_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (!log || !log->pMethods) return false;
  // https://www.sqlite.org/fileformat2.html, section 4.1; a salt is there as in the index.
  constexpr std::int64_t header = 32, frame_header = 24, salt_in_frame = 8;
  const auto next_frame = header + last_.frames * (frame_header + std::int64_t(page_size));
  std::uint64_t salt = 0;
  return log->pMethods->xRead(log, &salt, int(sizeof salt), next_frame + salt_in_frame) ==
             SQLITE_OK &&
         salt && std::ranges::find(older_salts_, salt) != older_salts_.end();
}

}  // namespace aft::storage::sqlite
