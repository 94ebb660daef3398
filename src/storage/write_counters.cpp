#include "write_counters.hpp"

namespace aft::storage {

void write_counters::collect(metric_sink& to, std::size_t waiting, bool has_log) const {
  const auto s = now(waiting);
  const auto times = [&to](const char* name, const char* what, const histogram& h) {
    to.distribution({name, what, "s"}, {}, h.bounds(), h.values());
  };
  times("db.writer.wait.time", "Time that transactions waited for their turn to write.",
        wait_times_);
  times("db.writer.commit.duration", "Time of commits, most of it for the disk.", commit_times_);
  to.distribution({"db.writer.commit.size", "Transactions of one commit.", "{transaction}"}, {},
                  commit_sizes_.bounds(), commit_sizes_.values());
  to.count({"db.writer.transactions", "Transactions that were run.", "{transaction}"}, {},
           double(s.transactions));
  to.count(
      {"db.writer.undone", "Transactions that were undone, because they threw.", "{transaction}"},
      {}, double(s.undone));
  to.count(
      {"db.writer.late", "Transactions that waited for longer than they may.", "{transaction}"}, {},
      double(s.late));
  to.count({"db.writer.refused", "Transactions that found the queue full.", "{transaction}"}, {},
           double(s.refused));
  to.level({"db.writer.waiting", "Transactions that wait for their turn.", "{transaction}"}, {},
           double(waiting));
  if (!has_log) return;
  times("db.writer.sync.duration", "Of the time of commits, until the disk had them (fsync).",
        sync_times_);
  times("db.wal.checkpoint.duration", "Time of copying the log into the database file.",
        checkpoint_times_);
  to.level({"db.wal.pages", "Pages in the write-ahead log.", "{page}"}, {},
           double(log_pages_.load(std::memory_order_relaxed)));
}

}  // namespace aft::storage
