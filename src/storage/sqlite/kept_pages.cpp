#include "kept_pages.hpp"

#include <sqlite3.h>

#include <optional>

#include "copied_pages.hpp"
#include "log_index.hpp"
#include "page_table.hpp"

namespace aft::storage::sqlite {

// The database's file with some of its methods exchanged. The first member, as SQLite hands back a
// pointer to that.
struct kept_pages::inside {
  explicit inside(sqlite3* db) : copied(db) {}

  sqlite3_io_methods methods{};
  const sqlite3_io_methods* own = nullptr;  // those of the file
  std::size_t bytes = 0;
  const volatile std::uint64_t* head = nullptr;  // of the log's index; null: not found yet
  std::optional<page_table> pages{};             // nothing: not asked for yet
  std::size_t held = 0;                          // pages, by SQLite
  copied_pages copied;                           // since pages were read
  bool has_snapshot = false;                     // of the log
  std::optional<copied_log> now{};               // in that; nothing: not known
  bool is_new = false;                           // the snapshot: nothing was asked for yet
  bool is_usable = false;                        // what is kept, for this snapshot
  bool is_doubted = false;                       // the same: to be read anew
  bool is_asked = false;                         // for pages: this SQLite can

  static inside& of(sqlite3_file* file) {
    return *const_cast<inside*>(reinterpret_cast<const inside*>(file->pMethods));
  }

  // ---- what SQLite calls

  static int fetch(sqlite3_file* file, sqlite3_int64 at, int size, void** page) {
    *page = of(file).find(file, at, std::size_t(size));  // null: it reads the page itself
    return SQLITE_OK;
  }
  static int unfetch(sqlite3_file* file, sqlite3_int64, void* page) {
    auto& self = of(file);
    if (!page) return SQLITE_OK;  // all is to be forgotten: that is decided by the log's index
    --self.held;
    self.pages->let_go(self.pages->place_of(page));
    return SQLITE_OK;
  }
  static int lock(sqlite3_file* file, int first, int count, int how) {
    constexpr int first_of_readers = 3;  // walformat.html, section 2.3
    auto& self = of(file);
    const int code = self.own->xShmLock(file, first, count, how);
    if (first < first_of_readers || !(how & SQLITE_SHM_SHARED)) return code;
    self.has_snapshot = self.is_new = code == SQLITE_OK && (how & SQLITE_SHM_LOCK);
    self.now.reset();
    return code;
  }
  // SQLite has just noted from which frame on it reads the log. What is read here is as new, or
  // newer by frames that it takes from the log; and next it makes sure that the log has not begun
  // anew meanwhile, or asks for another snapshot.
  static void barrier(sqlite3_file* file) {
    auto& self = of(file);
    self.own->xShmBarrier(file);
    if (!self.is_new) return;
    if (!self.head) self.head = log_head(file);
    if (self.head) self.now = read_copied_log(self.head);
  }
  static int control(sqlite3_file* file, int what, void* value) {
    auto& self = of(file);
    if (what == SQLITE_FCNTL_MMAP_SIZE) {
      auto& size = *static_cast<sqlite3_int64*>(value);
      self.is_asked = self.is_asked || size > 0;
      size = 0;  // nothing is mapped
      return SQLITE_OK;
    }
    if (what == SQLITE_FCNTL_PRAGMA && looks_at_the_file(static_cast<char**>(value)[1])) {
      self.is_doubted = true;
    }
    return self.own->xFileControl(file, what, value);
  }

  static bool looks_at_the_file(const char* pragma) {
    return sqlite3_stricmp(pragma, "integrity_check") == 0 ||
           sqlite3_stricmp(pragma, "quick_check") == 0;
  }

  // ---- pages

  void* find(sqlite3_file* file, sqlite3_int64 at, std::size_t size) {
    if (!has_snapshot) return nullptr;
    if (is_new) begin_snapshot(file, size);
    if (is_doubted && pages && !held) {
      pages->clear();
      is_doubted = false;
    }
    if (!is_usable || is_doubted) return nullptr;
    const auto number = std::uint32_t(at / sqlite3_int64(size)) + 1;
    auto place = pages->hold(number);
    if (place == page_table::none) {
      place = pages->add(number);
      if (place == page_table::none) return nullptr;
      if (own->xRead(file, pages->content(place), int(size), at) != SQLITE_OK) {
        pages->drop(place);
        return nullptr;
      }
    }
    ++held;
    return pages->content(place);
  }

  void begin_snapshot(sqlite3_file* file, std::size_t page_size) {
    is_new = is_usable = false;
    if (held || !now || !has_memory(page_size)) return;
    copied.forget(*pages, file, head, *now);
    is_usable = true;
  }

  bool has_memory(std::size_t page_size) {
    try {
      if (!pages) pages.emplace(bytes, page_size);
    } catch (...) {
      return false;
    }
    return pages->places() && pages->page_size() == page_size;
  }
};

kept_pages::kept_pages(sqlite3* db, std::size_t bytes) {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  const auto* own = file ? file->pMethods : nullptr;
  if (!own || own->iVersion < 3) return;
  inside_ = std::make_unique<inside>(db);
  inside_->own = own;
  inside_->bytes = bytes;
  inside_->methods = *own;
  inside_->methods.xFetch = &inside::fetch;
  inside_->methods.xUnfetch = &inside::unfetch;
  inside_->methods.xShmLock = &inside::lock;
  inside_->methods.xShmBarrier = &inside::barrier;
  inside_->methods.xFileControl = &inside::control;
  file->pMethods = &inside_->methods;
  sqlite3_exec(db, "pragma mmap_size=1", nullptr, nullptr, nullptr);  // from here on it asks
}

kept_pages::~kept_pages() = default;

bool kept_pages::works() const { return inside_ && inside_->is_asked; }

}  // namespace aft::storage::sqlite
