#pragma once
// What a row may be beside a struct and a single value: std::tuple, std::pair and std::array,
// filled by the position of the columns.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include <aft/ground/type.hpp>

namespace aft::detail {

template <class T>
concept tuple_like = requires {
  std::tuple_size<T>::value;
};

template <class T, class = std::make_index_sequence<std::tuple_size<T>::value>>
struct describe_tuple;
template <class T, std::size_t... I>
struct describe_tuple<T, std::index_sequence<I...>> {
  static constexpr std::string_view names[sizeof...(I) + 1]{};
  static constexpr const type_info& (*types[sizeof...(I) + 1])() = {
      &type_of<std::remove_const_t<std::tuple_element_t<I, T>>>..., nullptr};

  static void offsets(std::uint32_t* out) {
    using std::get;
    auto* base = reinterpret_cast<const char*>(&imagined<T>.value);
    ((*out++ = std::uint32_t(reinterpret_cast<const char*>(&get<I>(imagined<T>.value)) - base)),
     ...);
  }
  static constexpr struct_description value = {names, types, std::uint32_t(sizeof...(I)), &offsets,
                                               nullptr};

  static void build(type_info& t) {
    t.kind = type_kind::object;
    t.name = t.qualified_name = "a tuple";
    t.size = sizeof(T);
    describe_struct(t, value);
  }
};

template <class T>
inline constinit table_slot tuple_slot_of{};

// The table of a row: that of its type, or one whose fields have no names, for a tuple.
template <class Row>
const type_info& row_type() {
  if constexpr (tuple_like<Row>) {
    auto& slot = tuple_slot_of<Row>;
    if (__atomic_load_n(&slot.state, __ATOMIC_ACQUIRE) == slot.ready) return slot.table;
    return build_table(slot, &describe_tuple<Row>::build);
  } else {
    return type_of<Row>();
  }
}

// How many parameters a row gives to a statement.
template <class Row>
consteval std::size_t count_columns() {
  if constexpr (tuple_like<Row>) {
    return std::tuple_size<Row>::value;
  } else if constexpr (std::is_class_v<Row> && std::is_aggregate_v<Row> && !has_codec<Row> &&
                       !constrained<Row> && !std::is_same_v<Row, raw_json>) {
    return reflect::field_count<Row>;
  } else {
    return 1;
  }
}

}  // namespace aft::detail
