#pragma once
// How each argument of a handler is made from its request, see aft/http/arguments.hpp.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <aft/ground/problem.hpp>
#include <aft/ground/resource.hpp>
#include <aft/ground/result.hpp>
#include <aft/ground/type.hpp>
#include <aft/http/arguments.hpp>
#include <aft/http/handler_info.hpp>
#include <aft/http/message.hpp>
#include <aft/http/policy.hpp>
#include <aft/http/reply.hpp>
#include <aft/http/signature.hpp>

namespace aft {
namespace http {

// Each notes its errors in the call.
void read_path(call&, unsigned index, void* value, const type_info&);
void read_path(call&, unsigned index, std::string_view& value);
void read_query(call&, void* value, const type_info&);
void read_body(call&, void* value, const type_info&);
void read_body(call&, std::string& value);

// What takes the body as it comes; `end` may be null.
struct body_taker {
  void* taker = nullptr;  // null: nobody
  void (*write)(void* taker, std::string_view part) = nullptr;
  void (*end)(void* taker) = nullptr;
};
void take_body(call&, const body_taker&);
void read_header(call&, std::string_view name, void* value, const type_info&);
void read_cookie(call&, std::string_view name, void* value, const type_info&);
void* find_resource(call&, resource_key);
const request& request_of(call&);
bool failed(const call&);

}  // namespace http

namespace detail {

using http::argument_info;
using http::argument_kind;
using http::call;

template <class T>
inline constexpr bool is_path_scalar = (std::is_arithmetic_v<T> && !is_character<T>) ||
                                       std::is_enum_v<T> || std::is_same_v<T, std::string>;
template <class T>
constexpr bool is_path_value() {
  if constexpr (is_path_scalar<T> || std::is_same_v<T, std::string_view>) return true;
  else if constexpr (constrained<T>) return is_path_scalar<typename T::aft_holds>;
  else if constexpr (has_codec<T>) return is_path_scalar<typename codec<T>::written_as>;
  else return false;
}

enum class stage : std::uint8_t { made, fields, body };  // the order of extraction

template <class A>
struct argument;

template <class T>
concept makeable = requires {
  &from_request<T>::from;
};

template <class T>
struct made_from;  // of from's signature

template <class A>
requires(is_path_value<A>()) struct argument<A> {
  static constexpr argument_info info{argument_kind::path, &type_of<A>, {}, nullptr, nullptr, 0};
  static constexpr auto at = stage::fields;
  A value{};
  void load(call& c, unsigned path_index) { http::read_path(c, path_index, &value, type_of<A>()); }
  A&& get(call&) { return static_cast<A&&>(value); }
};
template <>
struct argument<std::string_view> {
  static constexpr argument_info info{
      argument_kind::path, &type_of<std::string>, {}, nullptr, nullptr, 0};
  static constexpr auto at = stage::fields;
  std::string_view value{};
  void load(call& c, unsigned path_index) { http::read_path(c, path_index, value); }
  std::string_view get(call&) { return value; }
};
template <name Name, class T>
struct argument<path<Name, T>> {
  static_assert(is_path_value<T>(),
                "aft: a path value is a number, an enum, a string, or a "
                "constrained type of one of them");
  static constexpr argument_info info{
      argument_kind::path, &type_of<T>, Name.view(), nullptr, nullptr, 0};
  static constexpr auto at = stage::fields;
  path<Name, T> value{};
  void load(call& c, unsigned path_index) {
    http::read_path(c, path_index, &value.value, type_of<T>());
  }
  path<Name, T>&& get(call&) { return static_cast<path<Name, T>&&>(value); }
};
template <class T>
struct argument<query<T>> {
  static_assert(std::is_class_v<T>, "aft: query<T> takes a struct; its fields are the parameters");
  static const void* defaults() {
    static const T value{};
    return &value;
  }
  static constexpr argument_info info{
      argument_kind::query, &type_of<T>, {}, nullptr, nullptr, 0, &defaults};
  static constexpr auto at = stage::fields;
  query<T> value{};
  void load(call& c, unsigned) { http::read_query(c, &value.value, type_of<T>()); }
  query<T>&& get(call&) { return static_cast<query<T>&&>(value); }
};
template <class T>
struct argument<body<T>> {
  static constexpr argument_info info{argument_kind::body, &type_of<T>, {}, nullptr, nullptr, 0};
  static constexpr auto at = stage::body;
  body<T> value{};
  void load(call& c, unsigned) {
    if constexpr (std::is_same_v<T, std::string>) http::read_body(c, value.value);
    else http::read_body(c, &value.value, type_of<T>());
  }
  body<T>&& get(call&) { return static_cast<body<T>&&>(value); }
};
template <class T>
constexpr std::string_view body_type_of() {
  if constexpr (requires { std::string_view(T::body_type); }) return T::body_type;
  else return "application/octet-stream";
}
template <class T>
struct argument<body_into<T>> {
  static constexpr argument_info info{
      argument_kind::body_into, nullptr, body_type_of<T>(), nullptr, nullptr, 0};
  static constexpr auto at = stage::body;
  body_into<T> value{};
  void load(call& c, unsigned) {
    if (http::failed(c)) return;
    if constexpr (std::is_constructible_v<T, const request&>) {
      value.make(http::request_of(c));
    } else {
      value.make();
    }
    http::body_taker taker{&*value,
                           [](void* t, std::string_view part) { static_cast<T*>(t)->write(part); }};
    if constexpr (requires(T & t) { t.end(); }) {
      taker.end = [](void* t) { static_cast<T*>(t)->end(); };
    }
    http::take_body(c, taker);
  }
  body_into<T>&& get(call&) { return static_cast<body_into<T>&&>(value); }
};
template <name Name, class T>
struct argument<header<Name, T>> {
  static constexpr argument_info info{
      argument_kind::header, &type_of<T>, Name.view(), nullptr, nullptr, 0};
  static constexpr auto at = stage::fields;
  header<Name, T> value{};
  void load(call& c, unsigned) { http::read_header(c, Name.view(), &value.value, type_of<T>()); }
  header<Name, T>&& get(call&) { return static_cast<header<Name, T>&&>(value); }
};
template <name Name, class T>
struct argument<cookie<Name, T>> {
  static constexpr argument_info info{
      argument_kind::cookie, &type_of<T>, Name.view(), nullptr, nullptr, 0};
  static constexpr auto at = stage::fields;
  cookie<Name, T> value{};
  void load(call& c, unsigned) { http::read_cookie(c, Name.view(), &value.value, type_of<T>()); }
  cookie<Name, T>&& get(call&) { return static_cast<cookie<Name, T>&&>(value); }
};
template <>
struct argument<const request&> {
  static constexpr argument_info info{argument_kind::request, nullptr, {}, nullptr, nullptr, 0};
  static constexpr auto at = stage::fields;
  void load(call&, unsigned) {}
  const request& get(call& c) { return http::request_of(c); }
};

template <class T>
inline constexpr bool is_by_value = false;  // an extractor, though it may be taken by const&
template <class T>
requires(is_path_value<T>() || makeable<T>) inline constexpr bool is_by_value<T> = true;
template <name Name, class T>
inline constexpr bool is_by_value<path<Name, T>> = true;
template <class T>
inline constexpr bool is_by_value<query<T>> = true;
template <class T>
inline constexpr bool is_by_value<body<T>> = true;
template <class T>
inline constexpr bool is_by_value<body_into<T>> = true;
template <name Name, class T>
inline constexpr bool is_by_value<header<Name, T>> = true;
template <name Name, class T>
inline constexpr bool is_by_value<cookie<Name, T>> = true;

template <class T>
struct argument<T&> {
  static constexpr argument_info info{argument_kind::resource,
                                      nullptr,
                                      reflect::qualified_name<std::remove_const_t<T>>,
                                      key_of<T>(),
                                      nullptr,
                                      0};
  static constexpr auto at = stage::fields;
  void load(call&, unsigned) {}
  T& get(call& c) { return *static_cast<T*>(http::find_resource(c, key_of<T>())); }
};
template <class T>
requires(is_by_value<T>) struct argument<const T&> : argument<T> {
};
template <class T>
requires(is_by_value<T>) struct argument<T&&> : argument<T> {
};

// What from_request<A> says of itself: an array, or one alone.
template <class T, std::size_t Size>
constexpr const T* first_of(const T (&all)[Size]) {
  return all;
}
template <class T>
constexpr const T* first_of(const T& one) {
  return &one;
}
template <class T>
constexpr std::uint32_t count_of(const T&) {
  if constexpr (std::is_array_v<T>) return std::extent_v<T>;
  else return 1;
}
template <class A>
constexpr const argument_policy* policy_of() {
  if constexpr (requires { from_request<A>::policy.who; }) return &from_request<A>::policy;
  else return nullptr;
}

template <class A>
constexpr argument_info describe_made(argument_info info) {
  info.policy = policy_of<A>();
  if constexpr (requires { from_request<A>::security; }) {
    info.securities = first_of(from_request<A>::security);
    info.security_count = count_of(from_request<A>::security);
  }
  if constexpr (requires { from_request<A>::answers; }) {
    info.answers = first_of(from_request<A>::answers);
    info.answer_count = count_of(from_request<A>::answers);
  }
  return info;
}

template <class A>
requires(makeable<A>) struct argument<A> {
  using from = made_from<typename signature<decltype(&from_request<A>::from)>::list>;
  static constexpr argument_info info =
      describe_made<A>({argument_kind::made, nullptr, reflect::qualified_name<A>, nullptr,
                        from::infos, from::count});
  static constexpr auto at = stage::made;
  std::optional<A> value{};
  void load(call& c, unsigned) { from::template make<A>(c, value); }
  A&& get(call&) { return static_cast<A&&>(*value); }
};

template <class A>
struct argument {
  static_assert(never<A>,
                "aft: a handler cannot take this type: take a path value (number, string, enum), "
                "query<T>, body<T>, header<\"Name\">, cookie<\"name\">, request const&, a state or "
                "reader or transaction by reference, or specialise aft::from_request<T>");
};

template <class... A>
struct made_from<arguments<A...>> {
  static_assert(((argument<A>::info.kind != argument_kind::path &&
                  argument<A>::info.kind != argument_kind::body &&
                  argument<A>::info.kind != argument_kind::body_into) &&
                 ...),
                "aft: from_request<T>::from takes no path values and no body");
  static constexpr std::uint32_t count = sizeof...(A);
  static constexpr argument_info infos[sizeof...(A) + 1] = {
      argument<A>::info..., {argument_kind::request, nullptr, {}, nullptr, nullptr, 0}};

  template <class T>
  static void make(call& c, std::optional<T>& value) {
    make_with(c, value, argument<A>{}...);
  }
  template <class T, class... Slots>
  static void make_with([[maybe_unused]] call& c, std::optional<T>& value, Slots... slots) {
    (slots.load(c, 0), ...);
    if (http::failed(c)) return;
    using made = decltype(from_request<T>::from(slots.get(c)...));
    if constexpr (std::is_same_v<made, T>) {
      value.emplace(from_request<T>::from(slots.get(c)...));
    } else {
      static_assert(std::is_same_v<made, result<T, problem>>,
                    "aft: from_request<T>::from returns T or aft::result<T, aft::problem>");
      made m = from_request<T>::from(slots.get(c)...);
      if (m) value.emplace(*std::move(m));
      else http::reply_problem(c, std::move(m).reason());
    }
  }
};

}  // namespace detail
}  // namespace aft
