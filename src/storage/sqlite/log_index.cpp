#include "log_index.hpp"

#include <sqlite3.h>

namespace aft::storage::sqlite {
namespace {

constexpr int region = 32 * 1024;  // the index is mapped in such pieces; its head begins the first

// Where things are in the index, in bytes.
constexpr std::size_t salt_at = 32, copied_frames_at = 96;

template <class Number>
Number load(const volatile std::uint64_t* head, std::size_t at) {
  const auto* bytes = reinterpret_cast<const volatile char*>(head) + at;
  return __atomic_load_n(reinterpret_cast<const volatile Number*>(bytes), __ATOMIC_ACQUIRE);
}

}  // namespace

const volatile std::uint64_t* log_head(sqlite3_file* file) {
  void volatile* head = nullptr;
  const auto* methods = file ? file->pMethods : nullptr;
  if (!methods || methods->iVersion < 2 || !methods->xShmMap) return nullptr;
  if (methods->xShmMap(file, 0, region, 0, &head) != SQLITE_OK) return nullptr;
  return static_cast<const volatile std::uint64_t*>(head);
}

copied_log read_copied_log(const volatile std::uint64_t* head) {
  const auto salt = load<std::uint64_t>(head, salt_at);
  return {salt, load<std::uint32_t>(head, copied_frames_at)};
}

}  // namespace aft::storage::sqlite
