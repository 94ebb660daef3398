#include <aft/storage/repository.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>

#include "../ground/check.hpp"
#include "connection.hpp"

namespace aft::storage {

// A statement whose values lie elsewhere.
struct bound_statement {
  std::string text{};
  std::vector<detail::parameter> values{};

  bound_statement& operator+=(std::string_view piece) {
    text += piece;
    return *this;
  }
  void bind(const detail::parameter& value) {
    values.push_back(value);
    fmt::format_to(std::back_inserter(text), "${}", values.size());
  }
  void bind(const void* value, const type_info& type) { bind({value, &type, {}}); }

  std::size_t run(reader& db, const row_target& rows) const {
    auto& c = storage_access::connection_of(db);
    return c.query(c.kept(text), values, rows);
  }
};

struct order_term {
  const field_info* field;
  bool down;
};

namespace {

constexpr std::size_t max_values_of_a_filter = 50;
constexpr std::size_t fingerprint_bytes = 8;

const void* value_of(const void* object, const field_info& field) {
  return static_cast<const char*>(object) + field.offset;
}

bool is_zero(const void* value, const type_info& type) {
  switch (type.kind) {
    case type_kind::integer: return detail::load_integer(value, type.width, type.is_signed) == 0;
    case type_kind::string: return static_cast<const std::string*>(value)->empty();
    case type_kind::optional: return !type.get(value);
    default: return false;
  }
}

void hash_value(buffer& out, const detail::parameter& value) {
  if (value.value) json::write(out, value.value, *value.type);
  else json::write_string(out, value.text);
  out.append('\n');
}

std::string_view without_suffix(std::string_view name, std::string_view suffix) {
  return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : std::string_view();
}

}  // namespace

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

// ---- list

// One call of list: what it reads from the query, and the statement that it makes.
struct record_table::listing {
  const record_table& of;
  const void* query;
  const type_info& type;
  const list_target& found;
  field_errors errors{};
  std::vector<order_term> order{};
  std::int64_t limit = 20;
  bool counts = false;
  std::string_view cursor{};
  bound_statement where{};  // without that of the cursor
  std::string fingerprint{};

  // The value of a field, without optionals around it; null: an empty one.
  static const void* held(const void* value, const type_info*& held_type) {
    while (value && held_type->kind == type_kind::optional) {
      value = held_type->get(value);
      held_type = held_type->element;
    }
    return value;
  }

  void wrong(std::string_view field, std::string_view code, std::string detail) {
    errors.push_back({"query", fmt::format("/{}", field), std::string(code), std::move(detail)});
  }

  // "-created_at,title", and the key behind all. False where it is not of that form.
  static bool read_order(const record_table& t, std::string_view text,
                         std::vector<order_term>& order) {
    while (!text.empty()) {
      const auto end = std::min(text.find(','), text.size());
      auto name = text.substr(0, end);
      if (end + 1 == text.size()) return false;
      text.remove_prefix(std::min(end + 1, text.size()));
      const bool down = name.starts_with('-');
      if (down) name.remove_prefix(1);
      const auto& allowed = t.options_.sort;
      const bool known = name == t.options_.key ||
                         std::find(allowed.begin(), allowed.end(), name) != allowed.end();
      if (!known) return false;
      const auto* field = t.find_column(name);
      for (const auto& term : order) {
        if (term.field == field) return false;
      }
      order.push_back({field, down});
    }
    for (const auto& term : order) {
      if (term.field == t.key_field_) return true;
    }
    order.push_back({t.key_field_, !order.empty() && order.back().down});
    return true;
  }

  static void check_order(const record_table& t, const std::string& text) {
    std::vector<order_term> order;
    if (read_order(t, text, order)) return;
    throw configuration_error(fmt::format(
        "the order \"{}\" of the repository {} is not made of the columns that it may sort by",
        text, t.table_));
  }

  std::string sortable() const {
    std::string names = of.options_.key;
    for (const auto& name : of.options_.sort) names += ", " + name;
    return names;
  }

  void read_query() {
    std::string_view sort = of.options_.order;
    std::string_view asked;
    for (std::uint32_t i = 0; i < type.field_count; ++i) {
      const auto& field = type.fields[i];
      const auto* field_type = field.type;
      const void* value = held(value_of(query, field), field_type);
      const auto kind = field_type->kind;
      if (field.name == "limit" && kind == type_kind::integer) {
        if (value) {
          limit = detail::load_integer(value, field_type->width, field_type->is_signed);
          limit = std::clamp<std::int64_t>(limit, 1, 1000);
        }
      } else if (field.name == "cursor" && kind == type_kind::string) {
        if (value) cursor = *static_cast<const std::string*>(value);
      } else if (field.name == "sort" && kind == type_kind::string) {
        if (value) asked = *static_cast<const std::string*>(value);
      } else if (field.name == "count" && kind == type_kind::boolean) {
        counts = value && *static_cast<const bool*>(value);
      } else {
        filter(field, value, *field_type);
      }
    }
    if (!asked.empty()) sort = asked;
    if (!read_order(of, sort, order)) {
      wrong("sort", "value",
            fmt::format("must name some of {}, each once, with a - in front for downwards",
                        sortable()));
    }
  }

  void and_() { where += where.text.empty() ? " where " : " and "; }

  void filter(const field_info& field, const void* value, const type_info& value_type) {
    auto name = field.name;
    std::string_view comparison = " = ";
    if (!of.find_column(name)) {
      if (const auto low = without_suffix(name, "_min"); of.find_column(low)) {
        name = low, comparison = " >= ";
      } else if (const auto high = without_suffix(name, "_max"); of.find_column(high)) {
        name = high, comparison = " <= ";
      }
    }
    const auto quoted = aft::quoted_name(of.column(name, type).name);
    if (!value) return;
    if (value_type.kind != type_kind::array) {
      and_();
      where += quoted;
      where += comparison;
      return where.bind(value, value_type);
    }
    const auto count = value_type.count(value);
    if (!count) return;
    if (count > max_values_of_a_filter) {
      return wrong(field.name, "length",
                   fmt::format("must have at most {} values", max_values_of_a_filter));
    }
    and_();
    where += quoted;
    where += " in (";
    const auto* items = static_cast<const char*>(value_type.items(value));
    for (std::size_t i = 0; i < count; ++i) {
      if (i) where += ", ";
      where.bind(items + i * value_type.element->size, *value_type.element);
    }
    where += ")";
  }

  // Of everything that the place in a list depends on.
  void make_fingerprint() {
    buffer all;
    all.append(of.table_);
    for (const auto& term : order) {
      all.append(term.down ? '-' : '+');
      all.append(term.field->name);
    }
    all.append(where.text);
    for (const auto& value : where.values) hash_value(all, value);
    fingerprint = sha256(all.view()).substr(0, fingerprint_bytes);
  }

  std::string cursor_behind(const void* row) const {
    buffer place;
    place.append(fingerprint);
    place.append('[');
    for (const auto& term : order) {
      if (&term != &order.front()) place.append(',');
      json::write(place, value_of(row, *term.field), *term.field->type);
    }
    place.append(']');
    return to_base64url(place.view());
  }

  // The values of the cursor go into the scratch row.
  bool read_cursor() {
    std::string place;
    if (!from_base64url(cursor, place) || !place.starts_with(fingerprint)) return false;
    std::vector<raw_json> values;
    field_errors ignored;
    if (!json::read(std::string_view(place).substr(fingerprint.size()), &values,
                    type_of<std::vector<raw_json>>(), ignored) ||
        values.size() != order.size()) {
      return false;
    }
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto& field = *order[i].field;
      auto* to = static_cast<char*>(found.scratch) + field.offset;
      if (!json::read(values[i].text, to, *field.type, ignored)) return false;
    }
    return true;
  }

  void bind_place(bound_statement& s, const order_term& term) const {
    s.bind(value_of(found.scratch, *term.field), *term.field->type);
  }

  // One comparison of rows where all terms point the same way, which an index answers; else
  // (a > $1 or (a = $1 and (b < $2 or ...))), with a >= $1 in front for the index.
  void add_place(bound_statement& s) const {
    s += where.text.empty() ? " where " : " and ";
    const bool same_way = std::all_of(order.begin(), order.end(), [this](const order_term& t) {
      return t.down == order[0].down;
    });
    if (same_way) {
      std::string names;
      for (const auto& term : order) {
        names += (names.empty() ? "" : ", ") + aft::quoted_name(term.field->name);
      }
      s += fmt::format("({}) {} (", names, order[0].down ? "<" : ">");
      for (const auto& term : order) {
        if (&term != &order.front()) s += ", ";
        bind_place(s, term);
      }
      s += ")";
      return;
    }
    s += fmt::format("{} {}= ", aft::quoted_name(order[0].field->name), order[0].down ? "<" : ">");
    bind_place(s, order[0]);
    s += " and (";
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto name = aft::quoted_name(order[i].field->name);
      s += fmt::format("{} {} ", name, order[i].down ? "<" : ">");
      bind_place(s, order[i]);
      if (i + 1 == order.size()) break;
      s += fmt::format(" or ({} = ", name);
      bind_place(s, order[i]);
      s += " and (";
    }
    s += std::string(2 * (order.size() - 1) + 1, ')');
  }

  // Reads one row more than asked for, only to see whether there is one.
  void read_page(reader& db) {
    bound_statement s{fmt::format("select {} from {}", of.columns_, of.table_)};
    s += where.text;
    s.values = where.values;
    if (!cursor.empty()) add_place(s);
    s += " order by ";
    for (const auto& term : order) {
      if (&term != &order.front()) s += ", ";
      s += aft::quoted_name(term.field->name);
      if (term.down) s += " desc";
    }
    const std::int64_t one_more = limit + 1;
    s += " limit ";
    s.bind(&one_more, type_of<std::int64_t>());

    struct filling {
      const list_target& found;
      std::int64_t room;
      bool more = false;
    } page{found, limit};
    s.run(db, {of.row_, &page,
               [](void* context) -> void* {
                 auto& p = *static_cast<filling*>(context);
                 if (p.room-- > 0) return p.found.items_type.push(p.found.items);
                 p.more = true;
                 return nullptr;
               },
               false});
    if (!page.more) return;
    const auto* rows = static_cast<const char*>(found.items_type.items(found.items));
    found.next = cursor_behind(rows + std::size_t(limit - 1) * of.row_.size);
  }

  void count(reader& db) {
    bound_statement s{fmt::format("select count(*) from {}", of.table_) + where.text, where.values};
    std::int64_t total = 0;
    s.run(db, {type_of<std::int64_t>(), &total, [](void* to) { return to; }, true});
    found.total.emplace(total);
  }
};

std::optional<problem> record_table::list(reader& db, const void* query, const type_info& type,
                                          const list_target& found) const {
  listing l{*this, query, type, found};
  if (!found.where_text.empty()) {
    l.where.text = fmt::format(" where ({})", found.where_text);
    l.where.values = found.where;
  }
  l.read_query();
  l.make_fingerprint();
  if (!l.cursor.empty() && l.errors.empty() && !l.read_cursor()) {
    l.wrong("cursor", "value",
            "does not belong to this list, in this order and with these filters");
  }
  if (!l.errors.empty()) {
    return problem{
        400, "the list cannot be asked for like this; see errors", {}, std::move(l.errors)};
  }
  l.read_page(db);
  if (l.counts) l.count(db);
  return {};
}

// ---- the start

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

}  // namespace aft::storage
