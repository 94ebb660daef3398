#pragma once
// What a callable takes and returns, as types.

#include <type_traits>

namespace aft::detail {

template <class... A>
struct arguments {};

template <class F>
struct signature {
  static constexpr bool known = false;
  using result = void;
  using list = arguments<>;
};
template <class R, class... A>
struct signature<R (*)(A...)> {
  static constexpr bool known = true;
  using result = R;
  using list = arguments<A...>;
};
template <class R, class... A>
struct signature<R (*)(A...) noexcept> : signature<R (*)(A...)> {};
template <class R, class C, class... A>
struct signature<R (C::*)(A...) const> : signature<R (*)(A...)> {};
template <class R, class C, class... A>
struct signature<R (C::*)(A...) const noexcept> : signature<R (*)(A...)> {};

template <class F>
concept has_one_call_operator = requires {
  &F::operator();
};

template <class F>
constexpr auto find_signature() {
  if constexpr (std::is_pointer_v<F>) return signature<F>{};
  else if constexpr (has_one_call_operator<F>) return signature<decltype(&F::operator())>{};
  else return signature<void>{};
}
template <class F>
using signature_of = decltype(find_signature<F>());

}  // namespace aft::detail
