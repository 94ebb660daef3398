#pragma once
// Reads the fields of plain structs and the names of enumerators without macros.
//
// A plain struct is an aggregate: public members, no constructors, no virtual functions, no base
// class, at most 64 fields. Its fields are counted by brace initialisation, bound by structured
// bindings, and named by the compiler's own spelling of a template argument.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include <aft/ground/fields.hpp>

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif

namespace aft::reflect {

inline constexpr std::size_t max_fields = 64;

// Enumerators with values from 0 up to this limit are found. Specialise it for an enum with more.
template <class Enum>
inline constexpr int enum_limit = 64;

struct enumerator {
  std::string_view name;
  std::int64_t value;
};

namespace detail {

// Converts to the type of any field. It is never called, but has a body, because clang wants one
// where a constructor might be evaluated.
struct anything {
  template <class T>
  requires(!std::is_same_v<T, std::nullptr_t>) operator T() const noexcept {
    __builtin_unreachable();
  }
};

template <class T>
struct any_base_of {
  template <class Base>
  requires(std::is_base_of_v<Base, T> && !std::is_same_v<Base, T>) operator Base() const noexcept {
    __builtin_unreachable();
  }
};

template <std::size_t>
using anything_at = anything;

template <class T, class = std::make_index_sequence<0>>
struct braces;
template <class T, std::size_t... I>
struct braces<T, std::index_sequence<I...>> {
  static constexpr bool accepted = requires { T{anything_at<I>{}...}; };
};
template <class T, std::size_t Count>
inline constexpr bool takes = braces<T, std::make_index_sequence<Count>>::accepted;

template <class T, std::size_t Works, std::size_t Fails>
consteval std::size_t bisect() {
  if constexpr (Fails - Works == 1) return Works;
  else if constexpr (takes<T, (Works + Fails) / 2>) return bisect<T, (Works + Fails) / 2, Fails>();
  else return bisect<T, Works, (Works + Fails) / 2>();
}

template <class T, std::size_t Works, std::size_t Step>
consteval std::size_t gallop() {
  if constexpr (takes<T, Works + Step>) return gallop<T, Works + Step, Step * 2>();
  else return bisect<T, Works, Works + Step>();
}

template <class T, std::size_t Count>
consteval std::size_t first_accepted() {  // more than 0 where a member has no default constructor
  if constexpr (takes<T, Count> || Count > max_fields) return Count;
  else return first_accepted<T, Count + 1>();
}

template <class T>
consteval std::size_t count_fields() {
  constexpr std::size_t first = first_accepted<T, 0>();
  if constexpr (first > max_fields) return first;
  else return gallop<T, first, 4>();
}

template <class T>
union storage {  // room for a T that is never made: only its fields' addresses are used
  char none;
  T value;
  constexpr storage() : none{} {}
  constexpr ~storage() {}
};

template <class T>
extern storage<T> unreal;  // never defined

// clang before 18 refuses a pointer to a field as a template argument unless a struct holds it.
template <class P>
struct pointer {
  P p;
};

template <std::size_t I, class M>
struct field_pointer {
  M* p;
};
template <class Indices, class... M>
struct field_pointers;
template <std::size_t... I, class... M>
struct field_pointers<std::index_sequence<I...>, M...> : field_pointer<I, M>... {};

struct take_pointers {
  template <class... M>
  constexpr auto operator()(M&... m) const {
    return field_pointers<std::make_index_sequence<sizeof...(M)>, M...>{{&m}...};
  }
};
template <std::size_t I, class M>
constexpr pointer<M*> nth(const field_pointer<I, M>& field) {
  return {field.p};
}

constexpr bool in_identifier(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         (c & 0x80);
}
constexpr std::string_view last_identifier(std::string_view s) {
  std::size_t end = s.size();
  while (end > 0 && !in_identifier(s[end - 1])) --end;
  std::size_t begin = end;
  while (begin > 0 && in_identifier(s[begin - 1])) --begin;
  return s.substr(begin, end - begin);
}

// Not string_view: g++ appends "; std::string_view = ..." to the name of a function that returns
// it.
struct piece {
  const char* text;
  std::size_t size;
};

template <auto P>
consteval piece field_name() {
  auto name = last_identifier(__PRETTY_FUNCTION__);
  return {name.data(), name.size()};
}

}  // namespace detail

template <class T>
inline constexpr std::size_t field_count = detail::count_fields<T>();

// Calls f with a reference to each field of the object, in order.
template <class T, class F>
constexpr decltype(auto) visit_fields(T& object, F&& f) {
  using plain = std::remove_const_t<T>;
  static_assert(std::is_class_v<plain> && std::is_aggregate_v<plain>,
                "aft: only plain structs (public members, no constructors, no virtual functions) "
                "can be mapped; for any other type specialise aft::codec<T>");
  if constexpr (std::is_aggregate_v<plain>) {
    static_assert(
        !requires { plain{detail::any_base_of<plain>{}}; },
        "aft: structs with base classes cannot be mapped; make the base a member");
    static_assert(field_count<plain> <= max_fields,
                  "aft: at most 64 fields; reference members and C arrays cannot be mapped");
    return detail::bound_fields<field_count<plain>>::apply(object, static_cast<F&&>(f));
  }
}

namespace detail {

template <class T, class = std::make_index_sequence<field_count<T>>>
struct names;
template <class T, std::size_t... I>
struct names<T, std::index_sequence<I...>> {
  // Inside a function: g++ would emit a static constant that points into `unreal`.
  static constexpr auto pointers() { return visit_fields(unreal<T>.value, take_pointers{}); }
  struct spelled {
    piece name[sizeof...(I)];
    std::size_t chars;
  };
  static constexpr spelled spell() {
    spelled result{{field_name<nth<I>(pointers())>()...}, 0};
    for (auto& p : result.name) result.chars += p.size;
    return result;
  }
  static constexpr spelled raw = spell();

  // The names are copied, so that the long function names stay out of the binary.
  struct letters {
    char c[raw.chars + 1]{};
  };
  static constexpr letters copy() {
    letters result;
    char* out = result.c;
    for (auto& p : raw.name) {
      for (std::size_t i = 0; i < p.size; ++i) *out++ = p.text[i];
    }
    return result;
  }
  static constexpr letters text = copy();

  struct list {
    std::string_view name[sizeof...(I)]{};
  };
  static constexpr list make() {
    list result;
    std::size_t at = 0;
    for (std::size_t i = 0; i < sizeof...(I); ++i) {
      result.name[i] = {text.c + at, raw.name[i].size};
      at += raw.name[i].size;
    }
    return result;
  }
  static constexpr list table = make();
};
template <class T>
struct names<T, std::index_sequence<>> {
  struct list {
    std::string_view name[1]{};
  };
  static constexpr list table{};
};

template <class E, E... V>
consteval const char* spell_enumerators() {
  return __PRETTY_FUNCTION__;
}

// Where the item that begins here ends: at a comma or a closing bracket that is not its own.
constexpr std::size_t item_end(std::string_view s, std::size_t at) {
  for (int depth = 0;; ++at) {
    const char c = s[at];
    if (c == '<' || c == '(' || c == '{') ++depth;
    const bool closes = c == '>' || c == ')' || c == '}';
    if ((closes && depth-- == 0) || (c == ',' && depth == 0)) return at;
  }
}

// One function name spells all values: "... V = {colour::red, (colour)1}" (g++),
// "<colour, colour::red, (colour)1>" (clang). A value without an enumerator ends in a number.
template <class E, class = std::make_index_sequence<std::size_t(enum_limit<E>)>>
struct enumerators;
template <class E, std::size_t... I>
struct enumerators<E, std::index_sequence<I...>> {
  struct found {
    std::size_t count = 0, chars = 0;
    enumerator at[sizeof...(I)]{};
  };
  static constexpr found scan() {
    std::string_view s = spell_enumerators<E, static_cast<E>(I)...>();
    found result;
    std::size_t begin = s.find("V = {");
    begin = begin != s.npos ? begin + 5 : s.find("V = <") + 5;
    for (std::size_t value = 0; value < sizeof...(I); ++value) {
      const std::size_t end = item_end(s, begin);
      const auto name = last_identifier(s.substr(begin, end - begin));
      if (name[0] < '0' || name[0] > '9') {
        result.at[result.count++] = {name, std::int64_t(value)};
        result.chars += name.size();
      }
      begin = end + 2;
    }
    return result;
  }
  static constexpr found scanned = scan();
  static constexpr std::size_t count = scanned.count;

  struct letters {
    char c[scanned.chars + 1]{};
  };
  static constexpr letters copy() {
    letters result;
    char* out = result.c;
    for (std::size_t i = 0; i < count; ++i) {
      for (char c : scanned.at[i].name) *out++ = c;
    }
    return result;
  }
  static constexpr letters text = copy();

  struct list {
    enumerator at[count ? count : 1]{};
  };
  static constexpr list make() {
    list result;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < count; ++i) {
      auto size = scanned.at[i].name.size();
      result.at[i] = {std::string_view(text.c + begin, size), scanned.at[i].value};
      begin += size;
    }
    return result;
  }
  static constexpr list table = make();
};

template <class T>
constexpr std::string_view spelled_type() {
  std::string_view s = __PRETTY_FUNCTION__;
  std::size_t begin = s.find("T = ") + 4;
#if defined(__clang__)
  std::size_t end = s.rfind(']');
#else
  std::size_t end = s.find(';', begin);
  if (end == s.npos) end = s.rfind(']');
#endif
  return s.substr(begin, end - begin);
}

}  // namespace detail

// The names of T's fields, in order; with program lifetime.
template <class T>
inline constexpr auto& field_names = detail::names<T>::table.name;

// The type as the compiler spells it, with its namespaces; with program lifetime.
template <class T>
inline constexpr std::string_view qualified_name = detail::spelled_type<T>();

// The last part of that name: "note" for app::note. Template arguments stay.
constexpr std::string_view unqualified(std::string_view name) {
  std::size_t end = name.find('<');
  std::size_t colon = name.substr(0, end).rfind(':');
  return colon == name.npos ? name : name.substr(colon + 1);
}

}  // namespace aft::reflect

#if defined(__clang__)
#pragma clang diagnostic pop
#endif
