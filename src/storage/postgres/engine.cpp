#include "engine.hpp"

#include <algorithm>
#include <mutex>
#include <optional>

#include <aft/ground/encoding.hpp>
#include <aft/ground/random.hpp>

#include "news.hpp"
#include "shared_reads.hpp"
#include "views.hpp"
#include "writers.hpp"

namespace aft::storage {
namespace postgres {
namespace {

const storage_options& checked(const storage_options& options) {
  if (!options.max_readers || !options.max_writers || !options.max_attempts) {
    throw configuration_error("max_readers, max_writers and max_attempts must be at least 1");
  }
  if (!options.archive.directory.empty()) {
    throw configuration_error(
        "storage_options::archive is SQLite's; PostgreSQL archives its own log (archive_command)");
  }
  return options;
}

class postgres_engine final : public engine {
 public:
  postgres_engine(const std::string& url, const storage_options& options, const logger& log,
                  const clock& time, const void* whose)
      : address_(url), own_name_(random_token()), log_(log), time_(time),
        pool_(address_, checked(options), time), shared_(pool_, options),
        writers_(address_, topics_, counters_, jobs_here_, own_name_, options, log, time, whose) {
    auto first = pool_.take({});
    first->open();
    pool_.give_back(std::move(first));
  }

  reading* take() override {
    std::lock_guard lock(mutex_);
    if (free_.empty()) {
      all_.push_back(std::make_unique<view>(pool_, shared_, time_));
      free_.push_back(all_.back().get());
    }
    auto* v = free_.back();
    free_.pop_back();
    return v;
  }
  void give_back(reading* r) override {
    std::lock_guard lock(mutex_);
    free_.push_back(static_cast<view*>(r));
  }
  void ask(std::unique_ptr<asked_query> q) override { shared_.ask(std::move(q)); }
  unit* submit(unit* first) noexcept override { return writers_.submit(first); }
  bool reads_wait() const override { return true; }
  const server_address* server() const override { return &address_; }

  std::uint64_t listen(std::string_view topic, topics::listening heard) override {
    {
      std::lock_guard lock(news_mutex_);
      if (!news_) news_.emplace(address_, topics_, own_name_, log_);
    }
    return topics_.listen(topic, std::move(heard));
  }

 private:
  std::size_t waiting() const override { return writers_.waiting(); }

  const server_address address_;
  const std::string own_name_;  // among those who notify
  const logger& log_;
  const clock& time_;
  session_pool pool_;
  shared_reads shared_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<view>> all_;  // guarded by mutex_, as is the next
  std::vector<view*> free_;
  std::mutex news_mutex_;
  std::optional<news> news_;  // guarded by news_mutex_
  writers writers_;           // last, so that its threads end first
};

}  // namespace
}  // namespace postgres

bool is_postgres(std::string_view url) {
  return url.starts_with("postgresql://") || url.starts_with("postgres://");
}

std::unique_ptr<engine> open_postgres(const std::string& url, const storage_options& options,
                                      const logger& log, const clock& time, const void* whose) {
  return std::make_unique<postgres::postgres_engine>(url, options, log, time, whose);
}

}  // namespace aft::storage
