#pragma once
// How what a handler returns is answered, see aft/http/results.hpp.

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <aft/ground/problem.hpp>
#include <aft/ground/result.hpp>
#include <aft/ground/type.hpp>
#include <aft/http/handler_info.hpp>
#include <aft/http/message.hpp>
#include <aft/http/results.hpp>

namespace aft {
namespace http {

// Each notes its errors in the call.
void reply_json(call&, int status, const void* value, const type_info&);
void reply_created(call&, const void* value, const type_info&, const std::string& location);
void reply_text(call&, std::string_view);
void reply_text(call&, std::string&&);
void reply_empty(call&, int status);
void reply_missing(call&);
void reply_with(call&, response&&);
void reply_problem(call&, problem&&);

}  // namespace http

namespace detail {

using http::call;
using http::content;
using http::result_info;

template <class R>
struct returned {
  static constexpr result_info info{content::json, &type_of<R>, 200, false};
  static void put(call& c, R&& r) { http::reply_json(c, 200, &r, type_of<R>()); }
};
// A type that knows how it is answered.
template <class R>
concept answers_itself = requires(R&& r, call& c) {
  static_cast<R&&>(r).answer(c);
};
template <answers_itself R>
struct returned<R> {
  static constexpr result_info info = R::answer_info;
  static void put(call& c, R&& r) { static_cast<R&&>(r).answer(c); }
};
template <>
struct returned<void> {
  static constexpr result_info info{content::none, nullptr, 204, false};
};
template <>
struct returned<response> {
  static constexpr result_info info{content::custom, nullptr, 200, false};
  static void put(call& c, response&& r) { http::reply_with(c, std::move(r)); }
};
template <>
struct returned<problem> {
  static constexpr result_info info{content::custom, nullptr, 200, false};
  static void put(call& c, problem&& p) { http::reply_problem(c, std::move(p)); }
};
template <>
struct returned<std::string> {
  static constexpr result_info info{content::text, nullptr, 200, false};
  static void put(call& c, std::string&& r) { http::reply_text(c, std::move(r)); }
};
template <>
struct returned<std::string_view> {
  static constexpr result_info info{content::text, nullptr, 200, false};
  static void put(call& c, std::string_view r) { http::reply_text(c, r); }
};
template <>
struct returned<const char*> : returned<std::string_view> {};
template <class T>
struct returned<std::optional<T>> {
  static constexpr result_info info{returned<T>::info.kind, returned<T>::info.type,
                                    returned<T>::info.status, true};
  static void put(call& c, std::optional<T>&& r) {
    if (r) returned<T>::put(c, *std::move(r));
    else http::reply_missing(c);
  }
};
template <class T>
struct returned<created<T>> {
  static constexpr result_info info{content::json, &type_of<T>, 201, false};
  static void put(call& c, created<T>&& r) {
    http::reply_created(c, &r.value, type_of<T>(), r.location);
  }
};
template <int Code, class T>
struct returned<status<Code, T>> {
  static constexpr result_info info{content::json, &type_of<T>, Code, false};
  static void put(call& c, status<Code, T>&& r) {
    http::reply_json(c, Code, &r.value, type_of<T>());
  }
};
template <class T>
struct returned<result<T, problem>> {
  static constexpr result_info info = returned<T>::info;
  static void put(call& c, result<T, problem>&& r) {
    if (r) returned<T>::put(c, *std::move(r));
    else http::reply_problem(c, std::move(r).reason());
  }
};

}  // namespace detail
}  // namespace aft
