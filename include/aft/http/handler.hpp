#pragma once
// Turns a callable into a handler: a constant table of what it takes and returns, and three small
// functions. Everything of weight is compiled once, in the library.

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include <aft/ground/resource.hpp>
#include <aft/http/extract.hpp>
#include <aft/http/handler_info.hpp>
#include <aft/http/reply.hpp>
#include <aft/http/signature.hpp>

namespace aft {
namespace http {

// Owns a callable. Any thread may call it: it is called as const.
class handler {
 public:
  handler(const handler_info& info, void* callable, void (*destroy)(void*))
      : info_(&info), callable_(callable), destroy_(destroy) {}
  handler(handler&& other) noexcept
      : least_lane(other.least_lane), info_(other.info_), callable_(other.callable_),
        destroy_(other.destroy_) {
    other.destroy_ = nullptr;
  }
  handler& operator=(handler&&) = delete;
  ~handler() {
    if (destroy_) destroy_(callable_);
  }
  const handler_info& info() const { return *info_; }
  const void* callable() const { return callable_; }

  lane least_lane = lane::io;  // what its arguments need may be greater

 private:
  const handler_info* info_;
  void* callable_;
  void (*destroy_)(void*);
};

}  // namespace http

// Runs the handler on the work lane, where it may wait: for a password hash, a file, another
// service, or app.write. Up to `lanes.work_threads` of them run at once.
template <class F>
struct blocking {
  explicit blocking(F f) : callable(std::move(f)) {}
  F callable;
};

namespace detail {

template <std::size_t, class A>
struct slot : argument<A> {};

template <class Indices, class... A>
struct pack;
template <std::size_t... I, class... A>
struct pack<std::index_sequence<I...>, A...> : slot<I, A>... {
  static constexpr bool empty = ((argument<A>::info.kind == argument_kind::request ||
                                  argument<A>::info.kind == argument_kind::resource) &&
                                 ...);

  static constexpr unsigned path_index(std::size_t argument_index) {
    unsigned paths = 0;
    std::size_t i = 0;
    ((paths += i++ < argument_index && argument<A>::info.kind == argument_kind::path), ...);
    return paths;
  }
  template <stage Stage, std::size_t Index, class Slot>
  void load_at([[maybe_unused]] call& c, [[maybe_unused]] Slot& s) {
    if constexpr (Slot::at == Stage) s.load(c, path_index(Index));
  }
  void load([[maybe_unused]] call& c) {
    (load_at<stage::made, I>(c, static_cast<slot<I, A>&>(*this)), ...);
    if (http::failed(c)) return;
    (load_at<stage::fields, I>(c, static_cast<slot<I, A>&>(*this)), ...);
    (load_at<stage::body, I>(c, static_cast<slot<I, A>&>(*this)), ...);
  }
  template <class F>
  decltype(auto) apply(const F& f, [[maybe_unused]] call& c) {
    return f(static_cast<slot<I, A>&>(*this).get(c)...);
  }
};

template <class F, class List = typename signature_of<F>::list>
struct bind;
template <class F, class... A>
struct bind<F, arguments<A...>> {
  static_assert(signature_of<F>::known,
                "aft: a handler is a function or a const lambda with one call operator: no 'auto' "
                "parameters, no overloads, not mutable (several threads call it)");
  using result = typename signature_of<F>::result;
  using made = pack<std::index_sequence_for<A...>, A...>;

  static constexpr std::uint32_t count = sizeof...(A);
  static constexpr argument_info infos[count + 1] = {
      argument<A>::info..., {argument_kind::request, nullptr, {}, nullptr, nullptr, 0}};

  static void extract(call& c, void* memory) {
    auto* p = new (memory) made;
    if constexpr (!made::empty) {
      struct guard {  // a from_request may throw
        made* p;
        ~guard() {
          if (p) p->~made();
        }
      } undo{p};
      p->load(c);
      undo.p = nullptr;
    }
  }
  static void invoke(const void* callable, call& c, [[maybe_unused]] void* memory) {
    const auto& f = *static_cast<const F*>(callable);
    if constexpr (made::empty) {
      made none;
      answer(f, c, none);
    } else {
      answer(f, c, *static_cast<made*>(memory));
    }
  }
  static void answer(const F& f, call& c, made& p) {
    if constexpr (std::is_void_v<result>) {
      p.apply(f, c);
      http::reply_empty(c, 204);
    } else {
      std::remove_cvref_t<result> value = p.apply(f, c);
      returned<std::remove_cvref_t<result>>::put(c, std::move(value));
    }
  }
  static void discard(void* memory) { static_cast<made*>(memory)->~made(); }

  static constexpr http::handler_info info{
      infos,
      count,
      returned<std::remove_cvref_t<result>>::info,
      sizeof(made),
      alignof(made),
      made::empty ? nullptr : &extract,
      &invoke,
      made::empty || std::is_trivially_destructible_v<made> ? nullptr : &discard,
  };
};

template <class F>
http::handler make_handler(F&& callable) {
  using held = std::decay_t<F>;
  if constexpr (std::is_empty_v<held>) {  // nothing to own, but an object to call
    static const held only = static_cast<F&&>(callable);
    return {bind<held>::info, const_cast<void*>(static_cast<const void*>(&only)), nullptr};
  } else {
    return {bind<held>::info, new held(static_cast<F&&>(callable)),
            [](void* p) { delete static_cast<held*>(p); }};
  }
}
template <class F>
http::handler make_handler(blocking<F> callable) {
  auto made = make_handler(std::move(callable.callable));
  made.least_lane = lane::work;
  return made;
}

template <class F>
struct callable_of {
  using type = std::decay_t<F>;
};
template <class F>
struct callable_of<blocking<F>> {
  using type = std::decay_t<F>;
};

}  // namespace detail
}  // namespace aft
