#pragma once
// What a handler may return.
//
//   T                    200 with T as JSON
//   std::string, const char*, std::string_view    200 text/plain
//   std::optional<T>     T, or 404 when empty
//   created<T>           201 with T, and where it lies
//   status<202, T>       that status with T
//   void                 204
//   response             as it is
//   problem              application/problem+json
//   result<T, problem>   either

#include <string>
#include <utility>

namespace aft {

template <class T>
struct created {
  T value;
  std::string location{};  // the Location header; empty: none
};
template <class T>
created(T) -> created<T>;
template <class T, class S>
created(T, S) -> created<T>;

template <int Code, class T>
struct status {
  static_assert(Code >= 200 && Code <= 599);
  T value;
};

}  // namespace aft
