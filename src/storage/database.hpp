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
  bool submit(storage::unit& u) noexcept { return engine_->submit(u); }

 private:
  std::unique_ptr<storage::engine> engine_;
};

}  // namespace aft
