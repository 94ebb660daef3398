#include "log_index.hpp"

#include <sqlite3.h>

namespace aft::storage::sqlite {
namespace {

constexpr int region = 32 * 1024;  // the index is mapped in such pieces; its head begins the first

// Where things are in the index, in bytes. Of the two salts the second is written first.
constexpr std::size_t salt_at = 32, second_salt_at = 80, copied_frames_at = 96, pages_at = 136;

// Numbers of pages in a region; the rest of it finds them.
constexpr std::uint32_t in_region = 4096, in_first_region = in_region - pages_at / 4;
static_assert(in_first_region == 4062 && in_region * (4 + 2 * 2) == region);  // walformat.html

void volatile* find_region(sqlite3_file* file, std::uint32_t number) {
  void volatile* found = nullptr;
  const auto* methods = file ? file->pMethods : nullptr;
  if (!methods || methods->iVersion < 2 || !methods->xShmMap) return nullptr;
  if (methods->xShmMap(file, int(number), region, 0, &found) != SQLITE_OK) return nullptr;
  return found;
}

template <class Number>
Number load(const volatile std::uint64_t* head, std::size_t at) {
  const auto* bytes = reinterpret_cast<const volatile char*>(head) + at;
  return __atomic_load_n(reinterpret_cast<const volatile Number*>(bytes), __ATOMIC_ACQUIRE);
}

}  // namespace

const volatile std::uint64_t* log_head(sqlite3_file* file) {
  return static_cast<const volatile std::uint64_t*>(find_region(file, 0));
}

copied_log read_copied_log(const volatile std::uint64_t* head) {
  const auto salt = load<std::uint64_t>(head, salt_at);
  return {salt, load<std::uint32_t>(head, copied_frames_at)};
}

bool is_still_of(const volatile std::uint64_t* head, std::uint64_t salt) {
  return load<std::uint64_t>(head, second_salt_at) == salt;
}

// SQLite may clear this while it is read, as a log begins anew while nobody reads it. Whoever asks
// looks afterwards whether one did (is_still_of), of which ThreadSanitizer knows nothing.
[[gnu::no_sanitize_thread]] std::uint32_t frame_pages::of(std::uint32_t frame) {
  const auto at = frame - 1 + in_region - in_first_region;  // as if all regions were of one size
  if (at / in_region != region_) {
    region_ = at / in_region;
    const auto* begin = static_cast<const volatile char*>(find_region(file_, region_));
    pages_ = reinterpret_cast<const volatile std::uint32_t*>(begin);
  }
  return pages_ ? __atomic_load_n(pages_ + at % in_region, __ATOMIC_ACQUIRE) : 0;
}

}  // namespace aft::storage::sqlite
