#pragma once
// Puts a database and its files in their places, both or neither.

#include <cstdint>
#include <string>

#include <aft/ground/time.hpp>

namespace aft::storage {

// What waits for a name that something else may have.
struct placing {
  std::string fresh;        // what waits; if this is `previous`, the two exchange their names
  std::string place;        // empty: nothing is to be done
  std::string previous;     // the name that what is there gets; empty: nothing is there
  std::uint64_t inode = 0;  // of what waits
};

struct restore_plan {
  placing database;
  std::string log;  // where the previous database's goes to, or comes from; empty: it has none
  placing files;
  std::int64_t newest_file = 0;  // when they were last written before that, see carry_out
};

// Notes the plan beside the database, carries it out, and clears the note when all is on the disk.
// Nobody may have the database open. If it throws, nothing was changed; if the process is killed,
// take_back_restore sees to that.
void carry_out(restore_plan plan);

// Takes back what a note tells of, if there is one. Throws storage_error: busy, where that restore
// is still at work, or another takes it back, for longer than `wait`, or somebody has the database
// open; corrupt, and changes nothing, where it finds what the plan cannot have left, or what was
// written since.
void take_back_restore(const std::string& database_file, duration wait = seconds(0));

// Where what is restored waits for its name: where a link leads, as it may be another file system.
std::string beside(const std::string& place);

std::uint64_t inode_of(const std::string& path);  // 0: nothing is there

}  // namespace aft::storage
