#pragma once
// The inside of a database.

#include <optional>
#include <string>

#include <aft/storage/database.hpp>

#include "sqlite/connection.hpp"
#include "sqlite/readers.hpp"
#include "sqlite/writer.hpp"
#include "temporary.hpp"
#include "topics.hpp"
#include "unit.hpp"

namespace aft {

class database::impl {
 public:
  impl(const std::string& url, const storage_options& options, const logger& log,
       const clock& time);

  storage::readers& all_readers() { return readers_; }
  storage::topics& all_topics() { return topics_; }
  bool submit(storage::unit& u) noexcept {
    u.next = nullptr;
    return !writer_.submit(&u);
  }
  storage::unit* submit_all(storage::unit* first) noexcept { return writer_.submit(first); }

 private:
  std::optional<storage::temporary_directory> temporary_;
  std::string file_;
  storage::commit_counter commits_;
  storage::sqlite_connection write_connection_;
  storage::readers readers_;
  storage::topics topics_;
  storage::sqlite_writer writer_;  // last, so that its thread ends first
};

}  // namespace aft
