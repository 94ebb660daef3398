#pragma once
// Backups by the clock, and the proof that they can be restored.

#include <optional>
#include <string>
#include <string_view>

#include <aft/ground/function.hpp>
#include <aft/ground/time.hpp>
#include <aft/storage/backup.hpp>

namespace aft {

// What app_options::backups says: while the app runs, a thread of its own backs up its database, a
// SQLite file, verifies the newest backup, and removes those that are superfluous. What was done
// before the app was started counts, so that a restart changes nothing.
struct drill_options {
  std::string directory{};          // empty: nothing is done
  duration every = hours(1);        // a backup
  duration verify_every = days(1);  // restores one to a temporary place, see verify_backup
  retention keep{};
  backup_options backup{};       // its name stays empty
  std::string scratch{};         // for verifying; empty: the system's directory
  duration retry = minutes(10);  // after what failed
  // Told what failed, after the log was. On the thread of the backups, which it may block; must not
  // stop the app.
  function<void(std::string_view what)> failed{};
};

struct drill_status {
  std::optional<time_point> last_backup{};  // how old the newest data are that have a backup
  // The same of the newest backup that was verified, as an age; nothing: none was.
  std::optional<duration> verified_age{};
  std::string failure{};  // of the last attempt; empty: it was none
};

}  // namespace aft
