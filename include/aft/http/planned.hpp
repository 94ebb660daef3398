#pragma once
// A route whose handler is not written yet: its contract stands in the document, and its answers
// come from the document's examples, so that a front end can be built meanwhile.
//
//   app.get("/notes/{id}", aft::planned<std::optional<note>(std::int64_t, user)>());
//
// Values of path, query, headers and body are checked as the handler's will be; who asks is not.
// With app_options::mock the answer is the example of what it returns, with that status; a client
// may ask for another one that the document names: "Prefer: code=404" (RFC 7240). Without it every
// call is answered 501. Results that are no JSON and no text are answered 501 in both cases.

#include <utility>

#include <aft/http/handler.hpp>

namespace aft {

template <class Signature>
struct planned;
template <class R, class... A>
struct planned<R(A...)> {
  R operator()(A...) const;  // never called, so never defined
};

namespace http {
void answer_planned(call& c);
}

namespace detail {

template <class A>
inline constexpr bool is_checked_while_planned =
    argument<A>::info.kind != argument_kind::made&& argument<A>::info.kind !=
    argument_kind::resource;

template <class Kept, class... A>
struct keep_checked;
template <class... Kept>
struct keep_checked<arguments<Kept...>> {
  using type = arguments<Kept...>;
};
template <class... Kept, class First, class... Rest>
struct keep_checked<arguments<Kept...>, First, Rest...>
    : keep_checked<std::conditional_t<is_checked_while_planned<First>, arguments<Kept..., First>,
                                      arguments<Kept...>>,
                   Rest...> {};

template <class List>
struct planned_pack;
template <class... A>
struct planned_pack<arguments<A...>> {
  using made = pack<std::index_sequence_for<A...>, A...>;
  static void extract(call& c, void* memory) {
    auto* p = new (memory) made;
    p->load(c);
  }
  static void discard(void* memory) { static_cast<made*>(memory)->~made(); }
};

template <class R, class... A>
struct bind<planned<R(A...)>, arguments<A...>> {
  static_assert(((argument<A>::info.kind != argument_kind::body_into) && ...),
                "aft: a planned route takes its body whole");
  using checked = planned_pack<typename keep_checked<arguments<>, A...>::type>;
  static constexpr std::uint32_t count = sizeof...(A);
  static constexpr argument_info infos[count + 1] = {
      argument<A>::info..., {argument_kind::request, nullptr, {}, nullptr, nullptr, 0}};
  static void invoke(const void*, call& c, void*) { http::answer_planned(c); }
  static constexpr http::handler_info info{infos,
                                           count,
                                           returned<std::remove_cvref_t<R>>::info,
                                           sizeof(typename checked::made),
                                           alignof(typename checked::made),
                                           &checked::extract,
                                           &invoke,
                                           &checked::discard,
                                           true};
};

}  // namespace detail
}  // namespace aft
