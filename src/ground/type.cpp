#include <aft/ground/type.hpp>

#include <mutex>

#include <aft/ground/buffer.hpp>
#include <aft/ground/json.hpp>
#include <aft/ground/text.hpp>

namespace aft {
namespace detail {
namespace {

// A type may contain itself (a struct with a vector of it), so a table is handed out while it is
// being built, but only to the thread that builds, which holds this lock.
struct table_builder {
  std::recursive_mutex mutex;
  unsigned nesting = 0;
  std::vector<table_slot*> built;
};
table_builder& the_builder() {
  static auto* builder = new table_builder;  // outlives the destructors of static objects
  return *builder;
}

std::string_view quoted_key(std::string_view name) {
  buffer key;
  json::write_string(key, name);
  key.append(':');
  auto* kept = new char[key.size()];  // tables live as long as the program
  std::memcpy(kept, key.data(), key.size());
  return {kept, key.size()};
}

}  // namespace

const type_info& build_table(table_slot& slot, void (*build)(type_info&)) {
  auto& builder = the_builder();
  std::lock_guard lock(builder.mutex);
  if (slot.state) return slot.table;
  __atomic_store_n(&slot.state, slot.building, __ATOMIC_RELAXED);
  ++builder.nesting;
  build(slot.table);
  builder.built.push_back(&slot);
  if (--builder.nesting == 0) {
    for (auto* done : builder.built) {
      __atomic_store_n(&done->state, table_slot::ready, __ATOMIC_RELEASE);
    }
    builder.built.clear();
  }
  return slot.table;
}

void describe_struct(type_info& table, const struct_description& description) {
  std::uint32_t offsets[reflect::max_fields + 1];
  description.offsets(offsets);
  auto* fields = new field_info[description.count + 1];
  for (std::uint32_t i = 0; i < description.count; ++i) {
    auto& field = fields[i];
    field.name = description.names[i];
    field.offset = offsets[i];
    field.type = &description.types[i]();
    field.required = field.type->kind != type_kind::optional;
    auto* held = field.type;
    while (held->kind == type_kind::optional) held = held->element;
    field.rule = held->rule;
  }
  if (description.rules) description.rules(table, fields);
  for (std::uint32_t i = 0; i < description.count; ++i) {
    fields[i].json_key = quoted_key(fields[i].name);
    fields[i].restricted = fields[i].rule.restricts();
  }
  table.fields = fields;
  table.field_count = description.count;
}

void add_check(type_info& table, const object_check& check) {
  auto* checks = new object_check[table.check_count + 1];
  for (std::uint32_t i = 0; i < table.check_count; ++i) checks[i] = table.checks[i];
  checks[table.check_count] = check;
  delete[] table.checks;
  table.checks = checks;
  ++table.check_count;
}

}  // namespace detail

field_rules& field_rules::length(std::int64_t min, std::int64_t max) {
  field_.rule.min_length = min;
  field_.rule.max_length = max;
  return *this;
}
field_rules& field_rules::range(double min, double max) {
  field_.rule.has_minimum = field_.rule.has_maximum = true;
  field_.rule.minimum = min;
  field_.rule.maximum = max;
  field_.rule.integer_minimum = std::int64_t(min);
  field_.rule.integer_maximum = std::int64_t(max);
  return *this;
}
field_rules& field_rules::pattern(std::string_view expression) {
  field_.rule.pattern = expression;
  return *this;
}
field_rules& field_rules::email() {
  field_.rule = email_rule::rule();
  return *this;
}
field_rules& field_rules::name(std::string_view name) {
  field_.name = name;
  return *this;
}
field_rules& field_rules::describe(std::string_view text) {
  field_.rule.description = text;
  return *this;
}
field_rules& field_rules::example(std::string_view value) {
  field_.rule.example = value;
  return *this;
}

field_rules& field_rules::secret() {
  field_.is_secret = true;
  return *this;
}

}  // namespace aft
