#pragma once
// The inside of a database.

#include <memory>
#include <string>

#include <aft/storage/database.hpp>

#include "engine.hpp"

namespace aft {

class database::impl {
 public:
  impl(const std::string& url, const storage_options& options, const logger& log,
       const clock& time);

  storage::engine& engine() { return *engine_; }
  bool submit(storage::unit& u) noexcept {
    u.next = nullptr;
    return !engine_->submit(&u);
  }
  // Waits for its turn between transactions, with the connection that writes.
  void with_connection(const function<void(storage::schema_connection&)>& f);
  storage::unit* submit_all(storage::unit* first) noexcept { return engine_->submit(first); }

 private:
  std::unique_ptr<storage::engine> engine_;
};

}  // namespace aft
