#pragma once
// What storage throws.

#include <cstdint>
#include <string>

#include <aft/ground/error.hpp>

namespace aft {

enum class storage_fault : std::uint8_t {
  statement,   // SQL that is wrong, or does not fit its row
  constraint,  // see constraint_error
  busy,        // others hold the database or the rows, or the queue is full; try again
  full,        // no space left
  io,          // the file cannot be read or written; a commit that fails so may be found made after
               // a crash
  unavailable,  // the server cannot be reached, or was lost before a commit; nothing was changed
  corrupt,      // the file is no sound database
  closed,       // the database was closed
  in_doubt,     // the server was lost during a commit: it may have been made, or not
  late,         // the deadline of the request, or a timeout, has passed
  cancelled,    // who asked has asked to stop
  misuse,       // a write from where none may wait, a transaction inside a transaction
  other,
};

// Where a handler lets one through, a request is answered with 503 and Retry-After for busy and
// unavailable, else with 500; see also constraint_error.
class storage_error : public error {
 public:
  storage_error(storage_fault fault, const std::string& what) : error(what), fault_(fault) {}
  storage_fault fault() const { return fault_; }

 private:
  storage_fault fault_;
};

enum class constraint_kind : std::uint8_t { unique, foreign_key, not_null, check, other };

// A statement that the schema refuses. Where a handler lets it through, a request is answered with
// 409 for unique and foreign_key, else with 500. A program that expects one ("this name is taken")
// asks with `on conflict do nothing` instead, and sees it in the number of changed rows.
class constraint_error : public storage_error {
 public:
  constraint_error(constraint_kind kind, const std::string& what)
      : storage_error(storage_fault::constraint, what), kind_(kind) {}
  constraint_kind kind() const { return kind_; }

 private:
  constraint_kind kind_;
};

}  // namespace aft
