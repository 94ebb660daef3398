#pragma once
// A callable of one signature. Holds what cannot be copied, and costs no header of weight.

#include <cstddef>
#include <type_traits>
#include <utility>

namespace aft {

template <class Signature>
class function;

namespace detail {
template <class F, class Not, class R, class... Args>
concept callable_as = !std::is_same_v<std::decay_t<F>, Not> &&
                      std::is_invocable_r_v<R, const std::decay_t<F>&, Args...>;
}

// Owns a callable that can be called through a const reference (so that several threads may).
// An empty one must not be called; ask `if (f)` first.
template <class R, class... Args>
class function<R(Args...)> {
 public:
  function() = default;
  function(std::nullptr_t) {}

  template <detail::callable_as<function, R, Args...> F>
  function(F&& callable) {
    using held = std::decay_t<F>;
    if constexpr (std::is_empty_v<held> && std::is_default_constructible_v<held>) {
      call_ = [](const void*, Args... args) -> R { return held{}(static_cast<Args&&>(args)...); };
    } else {
      object_ = new held(static_cast<F&&>(callable));
      call_ = [](const void* object, Args... args) -> R {
        return (*static_cast<const held*>(object))(static_cast<Args&&>(args)...);
      };
      destroy_ = [](void* object) { delete static_cast<held*>(object); };
    }
  }

  function(function&& other) noexcept
      : object_(other.object_), call_(other.call_), destroy_(other.destroy_) {
    other.object_ = nullptr;
    other.call_ = nullptr;
    other.destroy_ = nullptr;
  }
  function& operator=(function&& other) noexcept {
    std::swap(object_, other.object_);
    std::swap(call_, other.call_);
    std::swap(destroy_, other.destroy_);
    return *this;
  }
  // Not inlined, or g++ 12 warns of options structs that hold one and are made by a designated
  // initialiser: it takes the other fields for uninitialised.
  [[gnu::noinline]] ~function() {
    if (destroy_) destroy_(object_);
  }

  explicit operator bool() const { return call_ != nullptr; }
  R operator()(Args... args) const { return call_(object_, static_cast<Args&&>(args)...); }

 private:
  void* object_ = nullptr;
  R (*call_)(const void*, Args...) = nullptr;
  void (*destroy_)(void*) = nullptr;
};

}  // namespace aft
