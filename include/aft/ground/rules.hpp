#pragma once
// What a struct says of its fields beyond their types.

#include <cstdint>
#include <string_view>

#include <aft/ground/reflect.hpp>
#include <aft/ground/type_info.hpp>

namespace aft {

namespace detail {

template <class T>
struct describe;
void add_check(type_info&, const object_check&);

template <class T>
inline reflect::detail::storage<T> imagined;  // only the addresses of its fields are used

}  // namespace detail

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

}  // namespace aft
