#include "faulty_disk.hpp"

#include <sqlite3.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace faults {
namespace {

struct state {
  std::mutex mutex;
  bool armed = false, failed = false;  // guarded by mutex, as are the next two
  fault what{operation::write, SQLITE_OK};
  std::uint64_t left = 0;
};
state disk;
std::atomic<std::uint64_t> counts[4];

// Whether this operation is to fail, and how.
bool fails(operation o, fault& how) {
  counts[std::size_t(o)].fetch_add(1, std::memory_order_relaxed);
  std::lock_guard lock(disk.mutex);
  if (!disk.armed || disk.what.of != o) return false;
  if (disk.left) return --disk.left, false;
  how = disk.what;
  disk.failed = true;
  if (!how.lasts) disk.armed = false;
  return true;
}

// A file, and behind it the true one.
struct file {
  sqlite3_file base;
  sqlite3_file* true_file() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

sqlite3_vfs* true_vfs = nullptr;

sqlite3_file* of(sqlite3_file* f) { return reinterpret_cast<file*>(f)->true_file(); }

int close(sqlite3_file* f) { return of(f)->pMethods->xClose(of(f)); }
int read(sqlite3_file* f, void* to, int size, sqlite3_int64 at) {
  fault how;
  const bool is_to_fail = fails(operation::read, how);
  if (is_to_fail && !how.half) return how.result;
  const int code = of(f)->pMethods->xRead(of(f), to, size, at);
  if (!is_to_fail || code != SQLITE_OK) return code;
  std::memset(static_cast<char*>(to) + size / 2, 0, std::size_t(size - size / 2));
  return how.result;
}
int write(sqlite3_file* f, const void* from, int size, sqlite3_int64 at) {
  fault how;
  if (!fails(operation::write, how)) return of(f)->pMethods->xWrite(of(f), from, size, at);
  if (how.half) of(f)->pMethods->xWrite(of(f), from, size / 2, at);
  return how.result;
}
int truncate(sqlite3_file* f, sqlite3_int64 size) {
  return of(f)->pMethods->xTruncate(of(f), size);
}
int sync(sqlite3_file* f, int flags) {
  fault how;
  if (fails(operation::sync, how)) return how.result;
  return of(f)->pMethods->xSync(of(f), flags);
}
int file_size(sqlite3_file* f, sqlite3_int64* size) {
  return of(f)->pMethods->xFileSize(of(f), size);
}
int lock(sqlite3_file* f, int level) {
  fault how;
  if (fails(operation::lock, how)) return how.result;
  return of(f)->pMethods->xLock(of(f), level);
}
int unlock(sqlite3_file* f, int level) { return of(f)->pMethods->xUnlock(of(f), level); }
int check_lock(sqlite3_file* f, int* held) {
  return of(f)->pMethods->xCheckReservedLock(of(f), held);
}
int control(sqlite3_file* f, int op, void* arg) {
  return of(f)->pMethods->xFileControl(of(f), op, arg);
}
int sector_size(sqlite3_file* f) { return of(f)->pMethods->xSectorSize(of(f)); }
int traits(sqlite3_file* f) { return of(f)->pMethods->xDeviceCharacteristics(of(f)); }
int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** at) {
  return of(f)->pMethods->xShmMap(of(f), page, size, extend, at);
}
int shm_lock(sqlite3_file* f, int offset, int n, int flags) {
  fault how;
  if ((flags & SQLITE_SHM_LOCK) && fails(operation::lock, how)) return how.result;
  return of(f)->pMethods->xShmLock(of(f), offset, n, flags);
}
void shm_barrier(sqlite3_file* f) { of(f)->pMethods->xShmBarrier(of(f)); }
int shm_unmap(sqlite3_file* f, int remove) { return of(f)->pMethods->xShmUnmap(of(f), remove); }

const sqlite3_io_methods methods = {2,           close,       read,    write,   truncate,
                                    sync,        file_size,   lock,    unlock,  check_lock,
                                    control,     sector_size, traits,  shm_map, shm_lock,
                                    shm_barrier, shm_unmap,   nullptr, nullptr};

int open(sqlite3_vfs*, const char* name, sqlite3_file* f, int flags, int* out_flags) {
  f->pMethods = nullptr;
  const int opened = true_vfs->xOpen(true_vfs, name, of(f), flags, out_flags);
  if (of(f)->pMethods) f->pMethods = &methods;
  return opened;
}

sqlite3_vfs vfs;

}  // namespace

faulty_disk::faulty_disk() {
  sqlite3_initialize();
  true_vfs = sqlite3_vfs_find(nullptr);
  vfs = *true_vfs;
  vfs.szOsFile = int(sizeof(file)) + true_vfs->szOsFile;
  vfs.zName = "faulty";
  vfs.pNext = nullptr;
  vfs.xOpen = open;
  sqlite3_vfs_register(&vfs, 1);
}

faulty_disk::~faulty_disk() {
  mend();
  sqlite3_vfs_unregister(&vfs);
  sqlite3_vfs_register(true_vfs, 1);
}

void faulty_disk::fail(const fault& f, std::uint64_t nth) {
  std::lock_guard lock(disk.mutex);
  disk.what = f;
  disk.left = nth;
  disk.armed = true;
  disk.failed = false;
}

void faulty_disk::mend() {
  std::lock_guard lock(disk.mutex);
  disk.armed = false;
}

std::uint64_t faulty_disk::count(operation o) const { return counts[std::size_t(o)]; }

bool faulty_disk::has_failed() const {
  std::lock_guard lock(disk.mutex);
  return disk.failed;
}

}  // namespace faults
