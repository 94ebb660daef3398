#include "engine.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "../temporary.hpp"
#include "../wake_askers.hpp"
#include "connection.hpp"
#include "log_archive.hpp"
#include "readers.hpp"
#include "restore_plan.hpp"
#include "writer.hpp"

namespace aft::storage {
namespace {

std::string file_of(const std::string& url, const std::optional<temporary_directory>& temporary,
                    duration busy_timeout) {
  if (temporary) return temporary->path() + "/memory.db";
  if (url.find("://") != url.npos) {
    throw configuration_error(
        fmt::format("the database {}... is of no known kind; give a file's name, or postgresql://",
                    url.substr(0, url.find("://") + 3)));
  }
  if (url.empty()) throw configuration_error("the database has no name; give a file's name");
  take_back_restore(url, busy_timeout);
  return url;
}

// A commit looks through all pages that are cached, where a page of a tree was parted in it.
constexpr std::size_t most_cached_to_write = 4u << 20;

class sqlite_engine final : public engine {
 public:
  sqlite_engine(const std::string& url, const storage_options& options, const logger& log,
                const clock& time, const void* whose)
      : engine(options.key),
        temporary_(url == ":memory:" ? std::optional<temporary_directory>(std::in_place)
                                     : std::nullopt),
        file_(file_of(url, temporary_, options.busy_timeout)),
        write_connection_(file_, sqlite_access::write, options.durable && !temporary_,
                          options.busy_timeout, std::min(options.cache_bytes, most_cached_to_write),
                          options.key),
        readers_(file_, options, time),
        writer_(write_connection_, readers_, topics_, counters_, options, log, whose,
                begin_archive(options, log, time)) {
    write_connection_.time = &time;
    write_connection_.on_query = options.on_query;
    write_connection_.here = &jobs_here_;
  }

  reading* take() override { return readers_.take(); }
  void give_back(reading* r) override { readers_.give_back(static_cast<sqlite_reading*>(r)); }
  void ask(std::unique_ptr<asked_query> q) override {
    q->tell(run(*q));
    wake_askers({&q, 1});
  }
  unit* submit(unit* first) noexcept override { return writer_.submit(first); }
  bool reads_wait() const override { return false; }
  const std::string* file() const override { return &file_; }
  std::optional<archive_status> archived() const override {
    return archive_ ? std::optional(archive_->status()) : std::nullopt;
  }

 private:
  // What it throws, if anything.
  std::exception_ptr run(const asked_query& q) {
    auto* r = readers_.take();
    std::exception_ptr thrown;
    try {
      auto& view = r->begin_alone();
      try {
        storage_access::connection_of(view).query(q.text(), q.values(), q.rows());
      } catch (...) {
        thrown = std::current_exception();
      }
      r->end();
    } catch (...) {
      thrown = std::current_exception();
    }
    readers_.give_back(r);
    return thrown;
  }

  std::size_t waiting() const override { return writer_.waiting(); }

  // Before the writer: nothing is written without it.
  log_archive* begin_archive(const storage_options& options, const logger& log, const clock& time) {
    if (options.archive.directory.empty()) return nullptr;
    return &archive_.emplace(file_, key_, options.archive, log, time);
  }

  std::optional<temporary_directory> temporary_;
  std::string file_;
  sqlite_connection write_connection_;
  readers readers_;
  std::optional<log_archive> archive_;  // ships what the writer has done last
  sqlite_writer writer_;                // last, so that its thread ends first
};

}  // namespace

std::unique_ptr<engine> open_sqlite(const std::string& url, const storage_options& options,
                                    const logger& log, const clock& time, const void* whose) {
  return std::make_unique<sqlite_engine>(url, options, log, time, whose);
}

}  // namespace aft::storage
