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

namespace aft {

struct type_info;

enum class type_kind : std::uint8_t {
  boolean,
  integer,
  number,
  string,
  bytes,        // std::vector<std::byte>; base64 in JSON, a blob in SQL
  enumeration,  // its enumerators' names
  time,         // aft::time_point, or a std::chrono time point of 64 bits; RFC 3339 in JSON
  object,       // a plain struct
  array,        // std::vector and what has its shape
  map,          // from std::string
  optional,
  codec,     // written as another type, see aft::codec
  raw_json,  // any JSON value, kept as its text
};

// What a value must satisfy beyond its type. All of it also stands in the JSON Schema.
struct constraints {
  std::int64_t min_length = 0;   // characters of a string, bytes of a blob, items of an array
  std::int64_t max_length = -1;  // -1: no limit
  bool has_minimum = false, has_maximum = false;
  double minimum = 0, maximum = 0;
  std::int64_t integer_minimum = 0, integer_maximum = 0;
  std::string_view format{};                  // JSON Schema's "format": "email", "uri"
  std::string_view pattern{};                 // ECMAScript regular expression, matched whole
  std::string_view description{};             // for the API document
  std::string_view example{};                 // for it too: JSON, but strings without quotes
  bool (*check)(std::string_view) = nullptr;  // of a string
  std::string_view check_message{};           // "must be an e-mail address"
  bool restricts() const {
    return min_length > 0 || max_length >= 0 || has_minimum || has_maximum || !pattern.empty() ||
           check;
  }
};

struct field_info {
  std::string_view name{};      // in JSON, in SQL, in query strings
  std::string_view json_key{};  // quoted, with its colon: "name":
  const type_info* type = nullptr;
  std::uint32_t offset = 0;
  bool required = true;     // false for std::optional
  bool restricted = false;  // rule.restricts()
  bool is_secret = false;   // not shown with other settings, see aft/ground/settings.hpp
  constraints rule{};
};

// A check over the fields of one object, see rules<T>::check.
struct object_check {
  std::uint32_t field;  // the error is reported at this field
  std::string_view message;
  void (*predicate)();  // really bool (*)(const T&)
  bool (*call)(void (*predicate)(), const void* object);
};

struct type_info {
  type_kind kind = type_kind::object;
  std::uint8_t width = 0;  // of integers, numbers and enumerations, in bytes
  bool is_signed = false;
  bool restricted = false;
  bool ignores_unknown = false;
  bool is_secret = false;   // of a codec: what it writes is not the value, see aft::secret
  std::uint32_t size = 0;   // sizeof(T)
  std::string_view name{};  // structs and enumerations, unqualified
  std::string_view qualified_name{};  // with namespaces
  constraints rule{};
  const type_info* element =
      nullptr;  // of arrays, maps, optionals; of a codec what it is written as

  const field_info* fields = nullptr;
  std::uint32_t field_count = 0;
  const object_check* checks = nullptr;
  std::uint32_t check_count = 0;
  std::string_view description{}, example{};  // of structs; JSON
  const reflect::enumerator* enumerators = nullptr;
  std::uint32_t enumerator_count = 0;
  std::int64_t tick_numerator = 1, tick_denominator = 1;  // of a time point: seconds per tick

  // Arrays.
  std::size_t (*count)(const void*) = nullptr;
  const void* (*items)(const void*) = nullptr;  // contiguous
  void* (*push)(void*) = nullptr;               // appends a default item
  // Maps.
  void* (*insert)(void*, std::string&& key) = nullptr;  // null when the key is there already
  void (*each)(const void*, void* context,
               void (*visit)(void* context, std::string_view key, const void* value)) = nullptr;
  // Optionals.
  const void* (*get)(const void*) = nullptr;  // null when empty
  void* (*emplace)(void*) = nullptr;
  // Arrays, maps, optionals.
  void (*clear)(void*) = nullptr;
  // Codecs.
  bool (*decode)(void* value, void* context, bool (*read)(void* context, void* written_as),
                 std::string& why) = nullptr;
  void (*encode)(const void* value, void* context,
                 void (*write)(void* context, const void* written_as)) = nullptr;
};

// The table of T, made on first use; lives as long as the program. Any thread.
template <class T>
const type_info& type_of();

// How a type that is not a plain struct is written and read: as another type.
//   template <>
//   struct aft::codec<colour> {
//     using written_as = std::string;
//     static std::string encode(const colour& c);
//     // Empty, with a sentence in `why`, where the text is no colour.
//     static std::optional<colour> decode(std::string&& text, std::string& why);
//   };
template <class T>
struct codec;

// Any JSON value, kept as its text.
struct raw_json {
  std::string text = "null";
  friend bool operator==(const raw_json&, const raw_json&) = default;
};

// What may be said of one field.
class field_rules {
 public:
  field_rules& length(std::int64_t min, std::int64_t max);  // characters; items of an array
  field_rules& range(double min, double max);
  field_rules& pattern(std::string_view expression);  // ECMAScript; values to 1,024 bytes
  field_rules& email();
  field_rules& name(std::string_view name);  // in JSON and SQL, where C++ has no such identifier
  field_rules& describe(std::string_view text);
  field_rules& secret();                         // of settings: not shown
  field_rules& example(std::string_view value);  // JSON, but a string without quotes

 private:
  template <class>
  friend class rules;
  explicit field_rules(field_info& field) : field_(field) {}
  field_info& field_;
};

// Given to a struct's `static void rules(aft::rules<T>& r)`, which runs once. Texts must be
// literals.
//   r(&note::title).length(1, 200);
//   r.check(&booking::until, "must be after `from`",
//           [](const booking& b) { return b.from < b.until; });
template <class T>
class rules;

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
void add_check(type_info&, const object_check&);

struct table_slot {
  type_info table{};
  int state = 0;  // atomic; one of the two below, or 0 before
  static constexpr int building = 1, ready = 2;
};
const type_info& build_table(table_slot&, void (*build)(type_info&));

template <class T>
inline constinit table_slot slot_of{};

template <class T>
inline reflect::detail::storage<T> imagined;  // only the addresses of its fields are used

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
  static void apply_rules(type_info&, field_info*);
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
void build(type_info& t) {
  if constexpr (constrained<T>) {
    using held = typename T::aft_holds;
    static_assert(sizeof(held) == sizeof(T), "aft: a constrained type holds exactly its value");
    t = type_of<held>();
    t.rule = T::aft_constraints();
    t.restricted = t.rule.restricts();
  } else if constexpr (has_codec<T>) {
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
  } else if constexpr (std::is_same_v<T, std::string>) {
    t.kind = type_kind::string;
  } else if constexpr (std::is_same_v<T, raw_json>) {
    t.kind = type_kind::raw_json;
  } else if constexpr (std::is_same_v<T, std::vector<std::byte>>) {
    t.kind = type_kind::bytes;
  } else if constexpr (optional_like<T>) {
    t.kind = type_kind::optional;
    t.element = &type_of<typename T::value_type>();
    t.get = [](const void* p) -> const void* {
      auto& o = *static_cast<const T*>(p);
      return o.has_value() ? &*o : nullptr;
    };
    t.emplace = [](void* p) -> void* { return &static_cast<T*>(p)->emplace(); };
    t.clear = [](void* p) { static_cast<T*>(p)->reset(); };
  } else if constexpr (map_like<T>) {
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
  } else if constexpr (array_like<T>) {
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

template <class T>
class rules {
 public:
  template <class M>
  field_rules operator()(M T::*member) {
    return field_rules(fields_[index(member)]);
  }

  // A condition over several fields, checked when each of them is right by itself.
  template <class M>
  void check(M T::*member, std::string_view message, bool (*holds)(const T&)) {
    detail::add_check(table_, {index(member), message, reinterpret_cast<void (*)()>(holds),
                               [](void (*predicate)(), const void* object) {
                                 return reinterpret_cast<bool (*)(const T&)>(predicate)(
                                     *static_cast<const T*>(object));
                               }});
  }

  void describe(std::string_view text) { table_.description = text; }
  void example(std::string_view json) { table_.example = json; }  // instead of its fields' own
  void ignore_unknown() { table_.ignores_unknown = true; }        // members that T does not have

 private:
  friend struct detail::describe<T>;
  rules(type_info& table, field_info* fields) : table_(table), fields_(fields) {}

  template <class M>
  std::uint32_t index(M T::*member) const {
    auto* base = reinterpret_cast<const char*>(&detail::imagined<T>.value);
    auto* at = reinterpret_cast<const char*>(&(detail::imagined<T>.value.*member));
    std::uint32_t i = 0;
    while (fields_[i].offset != std::uint32_t(at - base)) ++i;
    return i;
  }

  type_info& table_;
  field_info* fields_;
};

template <class T>
void detail::describe<T>::apply_rules(type_info& table, field_info* fields) {
  if constexpr (has_rules<T>) {
    rules<T> r(table, fields);
    T::rules(r);
  }
}

}  // namespace aft
