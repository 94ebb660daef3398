#pragma once
// A value, or the reason why there is none.

#include <optional>
#include <utility>

namespace aft {

// The verdict of a function whose failure a stranger can cause. Holds a T or an E, never neither.
//   result<session, refusal> found = sessions.find(token);
//   if (!found) return answer(found.reason());
template <class T, class E>
class [[nodiscard]] result {
 public:
  result(T value) : value_(std::move(value)), reason_() {}
  result(E reason) : reason_(std::move(reason)) {}

  explicit operator bool() const { return value_.has_value(); }

  // Only when it holds a value.
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return *std::move(value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

  // Only when it holds none.
  E& reason() & { return reason_; }
  const E& reason() const& { return reason_; }
  E&& reason() && { return std::move(reason_); }

 private:
  std::optional<T> value_;
  E reason_;
};

}  // namespace aft
