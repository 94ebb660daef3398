#pragma once
// Identifies the things that handlers and jobs take by reference: the host's own state, a database
// reader, a transaction.

#include <string_view>

#include <aft/ground/reflect.hpp>

namespace aft {

// One address per type.
using resource_key = const void*;

namespace detail {
template <class T>
inline constexpr char key_place = 0;
}

template <class T>
constexpr resource_key key_of() {
  return &detail::key_place<std::remove_const_t<T>>;
}

// Which threads run what. A handler runs on the greatest lane that one of its arguments needs.
enum class lane : unsigned char {
  io,     // an event loop: everything that does not wait
  work,   // a bounded pool for what waits or computes: aft::blocking, password hashes
  write,  // where transactions run; on SQLite one thread
};

}  // namespace aft
