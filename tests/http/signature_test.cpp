#include <aft/http/signature.hpp>

#include <string>
#include <type_traits>

#include <doctest/doctest.h>

namespace {

template <class F, class Result, class... Arguments>
constexpr bool is_signature() {
  using found = aft::detail::signature_of<F>;
  return found::known && std::is_same_v<typename found::result, Result> &&
         std::is_same_v<typename found::list, aft::detail::arguments<Arguments...>>;
}

template <class F>
constexpr bool is_known(const F&) {
  return aft::detail::signature_of<F>::known;
}

struct functor {
  std::string operator()(const std::string& text, int) const noexcept { return text; }
};

struct overloaded {
  void operator()(int) const {}
  void operator()(std::string) const {}
};

}  // namespace

TEST_CASE("the signature of a function, functor or lambda is what it takes and returns") {
  const auto lambda = [](int, double&) { return 'a'; };
  CHECK(is_signature<decltype(lambda), char, int, double&>());
  CHECK(is_signature<functor, std::string, const std::string&, int>());
  CHECK(is_signature<void (*)(std::string &&), void, std::string&&>());
  CHECK(is_signature<int (*)() noexcept, int>());
}

TEST_CASE("what can be called in several ways, or not as const, has no signature") {
  CHECK(is_known([] {}));
  CHECK_FALSE(is_known(overloaded{}));
  CHECK_FALSE(is_known([](auto) {}));
  CHECK_FALSE(is_known([calls = 0]() mutable { return ++calls; }));
  CHECK_FALSE(is_known(5));
}
