#include <aft/storage/repository.hpp>

#include <fmt/format.h>

#include <aft/ground/error.hpp>

#include "../ground/check.hpp"
#include "bound_statement.hpp"
#include "connection.hpp"
#include "repository_listing.hpp"

namespace aft::storage {
namespace {

bool is_zero(const void* value, const type_info& type) {
  switch (type.kind) {
    case type_kind::integer: return detail::load_integer(value, type.width, type.is_signed) == 0;
    case type_kind::string: return static_cast<const std::string*>(value)->empty();
    case type_kind::optional: return !type.get(value);
    default: return false;
  }
}

}  // namespace

record_table::record_table(std::string_view name, const type_info& row,
                           repository_options&& options)
    : table_(aft::quoted_name(name)), key_(aft::quoted_name(options.key)), row_(row),
      key_field_(&column(options.key, row)), options_(std::move(options)) {
  for (std::uint32_t i = 0; i < row.field_count; ++i) {
    if (i) columns_ += ", ";
    columns_ += aft::quoted_name(row.fields[i].name);
  }
  if (const auto* version = find_column(options_.version);
      version && version->type->kind == type_kind::integer) {
    version_field_ = version;
    version_ = aft::quoted_name(version->name);
  } else if (options_.version != repository_options().version && !options_.version.empty()) {
    throw configuration_error(
        fmt::format("the version {} of the repository {} must be an integer "
                    "field of {}",
                    options_.version, table_, row.qualified_name));
  }
  for (const auto& sorted : options_.sort) {
    if (column(sorted, row).required) continue;
    throw configuration_error(
        fmt::format("the repository {} cannot sort by {}, which may be NULL", table_, sorted));
  }
  find_text_ = fmt::format("select {} from {} where {} = $1", columns_, table_, key_);
  erase_text_ = fmt::format("delete from {} where {} = $1", table_, key_);
  listing::check_order(*this, options_.order);
}

const field_info* record_table::find_column(std::string_view name) const {
  for (std::uint32_t i = 0; i < row_.field_count; ++i) {
    if (row_.fields[i].name == name) return &row_.fields[i];
  }
  return nullptr;
}

const field_info& record_table::column(std::string_view name, const type_info& of) const {
  if (const auto* found = find_column(name)) return *found;
  throw configuration_error(fmt::format("{} of {} is no field of {}, whose repository is {}", name,
                                        of.qualified_name, row_.qualified_name, table_));
}

std::size_t record_table::find(reader& db, const detail::parameter& key,
                               const row_target& found) const {
  auto& c = storage_access::connection_of(db);
  return c.query(c.kept(find_text_), {&key, 1}, found);
}

bool record_table::erase(transaction& tx, const detail::parameter& key) const {
  auto& c = storage_access::connection_of(tx);
  return c.execute(c.kept(erase_text_), {&key, 1}) != 0;
}

// ---- insert and update

bool record_table::is_set(const void* from, const field_info& field, const type_info& type) const {
  return &type == &row_ || field.type->kind != type_kind::optional ||
         field.type->get(value_of(from, field));
}

std::size_t record_table::insert(transaction& tx, const void* from, const type_info& type,
                                 std::string_view on_conflict, const row_target& saved) const {
  bound_statement s{fmt::format("insert into {} (", table_)};
  std::string places;
  auto add = [&](std::string_view name) {
    if (!places.empty()) s += ", ", places += ", ";
    s += name;
  };
  if (version_field_) {
    add(version_);
    places += '1';
  }
  for (std::uint32_t i = 0; i < type.field_count; ++i) {
    const auto& field = type.fields[i];
    const auto& stored = column(field.name, type);
    const void* value = value_of(from, field);
    if (&stored == version_field_ || !is_set(from, field, type)) continue;
    if (&stored == key_field_ && is_zero(value, *field.type)) continue;
    add(aft::quoted_name(field.name));
    s.values.push_back({value, field.type, {}});
    fmt::format_to(std::back_inserter(places), "${}", s.values.size());
  }
  if (places.empty()) s.text = fmt::format("insert into {} default values", table_);
  else s += fmt::format(") values ({})", places);
  s += fmt::format(" {} returning {}", on_conflict, columns_);
  return s.run(tx, saved);
}

std::size_t record_table::upsert(transaction& tx, const void* row, const row_target& saved) const {
  std::string sets;
  for (std::uint32_t i = 0; i < row_.field_count; ++i) {
    const auto& field = row_.fields[i];
    if (&field == key_field_) continue;
    const auto name = aft::quoted_name(field.name);
    if (!sets.empty()) sets += ", ";
    if (&field == version_field_) sets += fmt::format("{0} = {1}.{0} + 1", name, table_);
    else sets += fmt::format("{0} = excluded.{0}", name);
  }
  if (sets.empty()) sets = fmt::format("{0} = excluded.{0}", key_);
  return insert(tx, row, row_, fmt::format("on conflict ({}) do update set {}", key_, sets), saved);
}

std::optional<problem> record_table::update(transaction& tx, const detail::parameter* key,
                                            const void* from, const type_info& type,
                                            const row_target& saved) const {
  const detail::parameter own_key{value_of(from, *key_field_), key_field_->type, {}};
  if (!key) key = &own_key;
  bound_statement s{fmt::format("update {} set ", table_)};
  const field_info* compared = nullptr;
  if (version_field_) s += fmt::format("{0} = {0} + 1", version_);
  else s += fmt::format("{0} = {0}", key_);  // so that there is something to set
  for (std::uint32_t i = 0; i < type.field_count; ++i) {
    const auto& field = type.fields[i];
    const auto& stored = column(field.name, type);
    if (!is_set(from, field, type)) continue;
    if (&stored == version_field_) compared = &field;
    if (&stored == version_field_ || &stored == key_field_) continue;
    s += fmt::format(", {} = ", aft::quoted_name(field.name));
    s.bind(value_of(from, field), *field.type);
  }
  s += fmt::format(" where {} = ", key_);
  s.bind(*key);
  if (compared) {
    s += fmt::format(" and {} = ", version_);
    s.bind(value_of(from, *compared), *compared->type);
  }
  s += fmt::format(" returning {}", columns_);
  if (s.run(tx, saved)) return {};
  if (compared && find(tx, *key, saved)) {
    return problem{412, "it was changed by somebody else in the meantime; read it again", "stale"};
  }
  return not_found(fmt::format("there is no such {}", row_.name));
}

}  // namespace aft::storage
