#pragma once
// Turns a callable into a handler: a constant table of what it takes and returns, and three small
// functions. Everything of weight is compiled once, in the library.

#include <cstddef>
#include <cstdint>
#include <new>
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
#include <aft/http/message.hpp>
#include <aft/http/policy.hpp>
#include <aft/http/results.hpp>

namespace aft {

namespace http {
class call;  // one request in flight

enum class argument_kind : std::uint8_t {
  path,
  query,
  body,
  body_into,
  header,
  cookie,
  request,
  resource,
  made
};

struct argument_info {
  argument_kind kind;
  const type_info& (*type)();  // null for request, resource, made
  std::string_view name;       // of path<>, header<>, cookie<>; the type's, of a resource
  resource_key key;            // of a resource
  const argument_info* needs;  // of a made one: what its from_request takes
  std::uint32_t need_count;
  // For the document.
  const void* (*defaults)() = nullptr;   // of a query: its struct, default-constructed
  const security* securities = nullptr;  // of a made one, as are the next
  const answer_note* answers = nullptr;
  std::uint32_t security_count = 0, answer_count = 0;

  const argument_policy* policy =
      nullptr;  // of a made one that says who may ask; null: it does not
};

enum class content : std::uint8_t { none, json, text, custom };

struct result_info {
  content kind;
  const type_info& (*type)();
  int status;
  bool may_be_missing;       // 404
  bool is_later = false;     // the handler is a coroutine, see aft/asio.hpp
  std::string_view media{};  // of a custom one, where it is known
  bool has_etag = false;     // see aft::versioned
};

struct handler_info {
  const argument_info* arguments;
  std::uint32_t argument_count;
  result_info result;
  std::uint32_t pack_size, pack_alignment;  // of the arguments, made
  void (*extract)(call&, void* pack);       // makes them; if it throws there are none
  void (*invoke)(const void* callable, call&, void* pack);
  void (*discard)(void* pack);
  bool is_planned = false;  // see aft::planned
};

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

// What the templates below call; each notes its errors in the call.
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
void reply_json(call&, int status, const void* value, const type_info&);
void reply_created(call&, const void* value, const type_info&, const std::string& location);
void reply_text(call&, std::string_view);
void reply_text(call&, std::string&&);
void reply_empty(call&, int status);
void reply_missing(call&);
void reply_with(call&, response&&);
void reply_problem(call&, problem&&);

}  // namespace http

// Runs the handler on the work lane, where it may wait: for a password hash, a file, another
// service, or app.write. Up to `lanes.work_threads` of them run at once.
template <class F>
struct blocking {
  explicit blocking(F f) : callable(std::move(f)) {}
  F callable;
};

namespace detail {

using http::argument_info;
using http::argument_kind;
using http::call;

// ---- signatures

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

// ---- arguments

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

// ---- results

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

// ---- the three functions

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
