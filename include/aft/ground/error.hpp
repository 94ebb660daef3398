#pragma once
// What the library throws.

#include <stdexcept>

namespace aft {

// A fault: something that no stranger can cause (a full disk, SQL that does not parse, a broken
// precondition). What a stranger can cause is a returned verdict instead: std::optional, result<T,
// E> or a problem. The message says what was wrong with what, and the remedy where there is one; it
// is meant for the log, never for a client.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The program asks for something that cannot work: a route without its state, a migration that was
// edited after it was applied, a port in use. Thrown while starting, never for a request.
class configuration_error : public error {
 public:
  using error::error;
};

}  // namespace aft
