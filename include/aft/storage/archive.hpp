#pragma once
// A copy of all that is written, as it is written, to go back to any second.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <aft/ground/clock.hpp>
#include <aft/ground/time.hpp>

namespace aft {

// At its start, and every `base_every`, a database copies itself to the directory; from then on a
// thread of its own ships what is committed there. Where that fails or takes too long, the log says
// so, writing goes on, and it is tried again, beginning with a new copy; see archive_status. So it
// is where the directory is full when the database is opened; one that cannot be written to is
// refused (configuration_error). One database alone may use the directory, and one process alone
// write the database, always with these options: of what is written otherwise the archive does not
// know. What is copied is the bytes of its file and log: encrypted where the database has a key,
// else not.
struct archive_options {
  std::string directory{};                // empty: nothing is archived
  duration interval = milliseconds(500);  // what was committed longer ago has been shipped
  duration base_every = days(1);
  duration keep = days(7);                   // how far back one can go, at least
  std::int64_t bytes_per_second = 64 << 20;  // of the copy, at most; 0: any
  // For how long a full log waits to be shipped, which transactions wait for, before the archive is
  // given up and begun anew.
  duration patience = seconds(5);
};

struct archive_status {
  bool working = false;   // what was written up to `shipped` can be restored
  time_point shipped;     // by the database's clock; 1970 where it never worked since the start
  std::string failure{};  // of the last attempt; empty: none
};

// A span within which any moment can be gone back to. Between two of them it is not known what was
// written: the archive had failed, or the process was killed. Where it ended by itself, its span
// reaches up to the next run's.
struct archive_span {
  time_point from;
  time_point to;
};

// The spans that an archive has, the oldest first.
std::vector<archive_span> list_archive(const std::string& directory);

}  // namespace aft
