#pragma once
// One table per C++ type, made at run time from reflection. JSON, query strings, SQL rows and JSON
// Schema are ordinary functions that read these tables, so a program's own code instantiates
// next to nothing, and a format is written once.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <aft/ground/reflect.hpp>
#include <aft/ground/rules.hpp>
#include <aft/ground/type_info.hpp>

namespace aft {
namespace detail {

template <class>
inline constexpr bool never = false;

template <class T>
concept optional_like = requires(T& t) {
  typename T::value_type;
  t.reset();
  t.has_value();
  t.emplace();
};
template <class T>
concept map_like = requires {
  typename T::key_type;
  typename T::mapped_type;
};
template <class T>
concept array_like = requires(T& t) {
  typename T::value_type;
  t.emplace_back();
  t.size();
  t.clear();
};
template <class T>
concept time_like = requires(T& t) {
  typename T::clock;
  typename T::duration;
  t.time_since_epoch();
};
template <class T>
concept has_ticks = requires {
  T::aft_ticks_per_second;
};  // aft::time_point
template <class T>
concept has_codec = requires {
  typename codec<T>::written_as;
};
template <class T>
concept has_rules = requires(rules<T>& r) {
  T::rules(r);
};
// A type that holds exactly one value of another type, with constraints (aft::text and others).
template <class T>
concept constrained = requires {
  typename T::aft_holds;
  T::aft_constraints();
};

template <class T>
inline constexpr bool is_character =
    std::is_same_v<T, char> || std::is_same_v<T, wchar_t> || std::is_same_v<T, char8_t> ||
    std::is_same_v<T, char16_t> || std::is_same_v<T, char32_t>;

// What a program contributes per struct: constant tables and small functions.
struct struct_description {
  const std::string_view* names;
  const type_info& (*const* types)();
  std::uint32_t count;
  void (*offsets)(std::uint32_t*);
  void (*rules)(type_info&, field_info*);
};
void describe_struct(type_info&, const struct_description&);

struct table_slot {
  type_info table{};
  int state = 0;  // atomic; one of the two below, or 0 before
  static constexpr int building = 1, ready = 2;
};
const type_info& build_table(table_slot&, void (*build)(type_info&));

template <class T>
inline constinit table_slot slot_of{};

template <class T>
struct describe {
  template <class... M>
  struct types_of {
    static constexpr const type_info& (*list[sizeof...(M) + 1])() = {
        &type_of<std::remove_const_t<M>>..., nullptr};
  };
  struct deduce {
    template <class... M>
    constexpr types_of<M...> operator()(M&...) const {
      return {};
    }
  };
  using types = decltype(reflect::visit_fields(std::declval<T&>(), deduce{}));

  static void offsets(std::uint32_t* out) {
    reflect::visit_fields(imagined<T>.value, [out](auto&... m) mutable {
      auto* base = reinterpret_cast<const char*>(&imagined<T>.value);
      ((*out++ = std::uint32_t(reinterpret_cast<const char*>(&m) - base)), ...);
    });
  }
  static void apply_rules(type_info& table, field_info* fields) {
    if constexpr (has_rules<T>) {
      rules<T> r(table, fields);
      T::rules(r);
    }
  }
  static constexpr struct_description value = {reflect::field_names<T>, types::list,
                                               std::uint32_t(reflect::field_count<T>), &offsets,
                                               has_rules<T> ? &apply_rules : nullptr};
};

template <class T>
void name_type(type_info& t) {
  t.qualified_name = reflect::qualified_name<T>;
  t.name = reflect::unqualified(t.qualified_name);
}

template <class T>
void build_codec(type_info& t) {
  using repr = typename codec<T>::written_as;
  t.kind = type_kind::codec;
  t.is_secret = requires { codec<T>::is_secret; };
  t.element = &type_of<repr>();
  t.decode = [](void* value, void* context, bool (*read)(void*, void*), std::string& why) {
    repr r{};
    if (!read(context, &r)) return false;
    auto decoded = codec<T>::decode(std::move(r), why);
    if (!decoded) return false;
    *static_cast<T*>(value) = std::move(*decoded);
    return true;
  };
  t.encode = [](const void* value, void* context, void (*write)(void*, const void*)) {
    repr r = codec<T>::encode(*static_cast<const T*>(value));
    write(context, &r);
  };
}

template <class T>
void build_enumeration(type_info& t) {
  static_assert(
      requires { T{0}; },
      "aft: give the enum a fixed underlying type, or make it an "
      "enum class, so that its enumerators can be named");
  t.kind = type_kind::enumeration;
  t.width = sizeof(T);
  t.is_signed = std::is_signed_v<std::underlying_type_t<T>>;
  name_type<T>(t);
  t.enumerators = reflect::detail::enumerators<T>::table.at;
  t.enumerator_count = reflect::detail::enumerators<T>::count;
}

template <class T>
void build_optional(type_info& t) {
  t.kind = type_kind::optional;
  t.element = &type_of<typename T::value_type>();
  t.get = [](const void* p) -> const void* {
    auto& o = *static_cast<const T*>(p);
    return o.has_value() ? &*o : nullptr;
  };
  t.emplace = [](void* p) -> void* { return &static_cast<T*>(p)->emplace(); };
  t.clear = [](void* p) { static_cast<T*>(p)->reset(); };
}

template <class T>
void build_map(type_info& t) {
  static_assert(std::is_same_v<typename T::key_type, std::string>,
                "aft: the keys of a map must be std::string");
  t.kind = type_kind::map;
  t.element = &type_of<typename T::mapped_type>();
  t.count = [](const void* p) -> std::size_t { return static_cast<const T*>(p)->size(); };
  t.clear = [](void* p) { static_cast<T*>(p)->clear(); };
  t.insert = [](void* p, std::string&& key) -> void* {
    auto [at, fresh] = static_cast<T*>(p)->try_emplace(std::move(key));
    return fresh ? &at->second : nullptr;
  };
  t.each = [](const void* p, void* context, void (*visit)(void*, std::string_view, const void*)) {
    for (auto& [key, value] : *static_cast<const T*>(p)) visit(context, key, &value);
  };
}

template <class T>
void build_array(type_info& t) {
  static_assert(
      requires(T & c) { c.data(); },
      "aft: the items of an array must lie side by side; use std::vector (and for "
      "std::vector<bool> a vector of another type)");
  t.kind = type_kind::array;
  t.element = &type_of<typename T::value_type>();
  t.count = [](const void* p) -> std::size_t { return static_cast<const T*>(p)->size(); };
  t.items = [](const void* p) -> const void* { return static_cast<const T*>(p)->data(); };
  t.push = [](void* p) -> void* { return &static_cast<T*>(p)->emplace_back(); };
  t.clear = [](void* p) { static_cast<T*>(p)->clear(); };
}

template <class T>
void build(type_info& t) {
  if constexpr (constrained<T>) {
    using held = typename T::aft_holds;
    static_assert(sizeof(held) == sizeof(T), "aft: a constrained type holds exactly its value");
    t = type_of<held>();
    t.rule = T::aft_constraints();
    t.restricted = t.rule.restricts();
  } else if constexpr (has_codec<T>) {
    build_codec<T>(t);
  } else if constexpr (std::is_same_v<T, bool>) {
    t.kind = type_kind::boolean;
  } else if constexpr (std::is_integral_v<T>) {
    static_assert(!is_character<T>,
                  "aft: a character is neither number nor text here; use a "
                  "std::string, or std::int8_t for a small number");
    t.kind = type_kind::integer;
    t.width = sizeof(T);
    t.is_signed = std::is_signed_v<T>;
  } else if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
    t.kind = type_kind::number;
    t.width = sizeof(T);
  } else if constexpr (std::is_enum_v<T>) {
    build_enumeration<T>(t);
  } else if constexpr (std::is_same_v<T, std::string>) {
    t.kind = type_kind::string;
  } else if constexpr (std::is_same_v<T, raw_json>) {
    t.kind = type_kind::raw_json;
  } else if constexpr (std::is_same_v<T, std::vector<std::byte>>) {
    t.kind = type_kind::bytes;
  } else if constexpr (optional_like<T>) {
    build_optional<T>(t);
  } else if constexpr (map_like<T>) {
    build_map<T>(t);
  } else if constexpr (array_like<T>) {
    build_array<T>(t);
  } else if constexpr (has_ticks<T>) {
    t.kind = type_kind::time;
    t.tick_denominator = T::aft_ticks_per_second;
  } else if constexpr (time_like<T>) {
    static_assert(sizeof(T) == 8 && std::is_integral_v<typename T::duration::rep>,
                  "aft: time points of 64 integer bits; use aft::time_point");
    t.kind = type_kind::time;
    t.tick_numerator = T::duration::period::num;
    t.tick_denominator = T::duration::period::den;
  } else if constexpr (std::is_class_v<T>) {
    t.kind = type_kind::object;
    name_type<T>(t);
    describe_struct(t, describe<T>::value);
  } else {
    static_assert(never<T>, "aft: this type cannot be mapped; specialise aft::codec<T>");
  }
  t.size = sizeof(T);
}

}  // namespace detail

template <class T>
const type_info& type_of() {
  auto& slot = detail::slot_of<T>;
  if (__atomic_load_n(&slot.state, __ATOMIC_ACQUIRE) == slot.ready) return slot.table;
  return detail::build_table(slot, &detail::build<T>);
}

}  // namespace aft
