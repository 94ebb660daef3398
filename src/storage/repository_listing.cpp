// Pages of a repository's rows: what a query asks for, the statement that it makes, and the cursor
// that leads to the next page.

#include "repository_listing.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/json.hpp>

#include "../ground/check.hpp"

namespace aft::storage {
namespace {

constexpr std::size_t max_values_of_a_filter = 50;
constexpr std::size_t fingerprint_bytes = 8;

// The value of a field, without optionals around it; null: an empty one.
const void* held(const void* value, const type_info*& held_type) {
  while (value && held_type->kind == type_kind::optional) {
    value = held_type->get(value);
    held_type = held_type->element;
  }
  return value;
}

void hash_value(buffer& out, const detail::parameter& value) {
  if (value.value) json::write(out, value.value, *value.type);
  else json::write_string(out, value.text);
  out.append('\n');
}

std::string_view without_suffix(std::string_view name, std::string_view suffix) {
  return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : std::string_view();
}

std::string_view conjunction(const bound_statement& conditions) {
  return conditions.text.empty() ? " where " : " and ";
}

}  // namespace

// ---- what is asked for

void record_table::listing::wrong(std::string_view field, std::string_view code,
                                  std::string detail) {
  errors.push_back({"query", fmt::format("/{}", field), std::string(code), std::move(detail)});
}

// "-created_at,title", and the key behind all. False where it is not of that form.
bool record_table::listing::read_order(const record_table& t, std::string_view text,
                                       std::vector<order_term>& order) {
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    auto name = text.substr(0, end);
    if (end + 1 == text.size()) return false;
    text.remove_prefix(std::min(end + 1, text.size()));
    const bool down = name.starts_with('-');
    if (down) name.remove_prefix(1);
    const auto& allowed = t.options_.sort;
    const bool known =
        name == t.options_.key || std::find(allowed.begin(), allowed.end(), name) != allowed.end();
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

void record_table::listing::check_order(const record_table& t, const std::string& text) {
  std::vector<order_term> order;
  if (read_order(t, text, order)) return;
  throw configuration_error(fmt::format(
      "the order \"{}\" of the repository {} is not made of the columns that it may sort by", text,
      t.table_));
}

std::string record_table::listing::sortable() const {
  std::string names = of.options_.key;
  for (const auto& name : of.options_.sort) names += ", " + name;
  return names;
}

void record_table::listing::read_query() {
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

void record_table::listing::filter(const field_info& field, const void* value,
                                   const type_info& value_type) {
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
    where += conjunction(where);
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
  where += conjunction(where);
  where += quoted;
  where += " in (";
  const auto* items = static_cast<const char*>(value_type.items(value));
  for (std::size_t i = 0; i < count; ++i) {
    if (i) where += ", ";
    where.bind(items + i * value_type.element->size, *value_type.element);
  }
  where += ")";
}

// ---- the cursor

// Of everything that the place in a list depends on.
void record_table::listing::make_fingerprint() {
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

std::string record_table::listing::cursor_behind(const void* row) const {
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
bool record_table::listing::read_cursor() {
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

// ---- the statements

void record_table::listing::bind_place(bound_statement& s, const order_term& term) const {
  s.bind(value_of(found.scratch, *term.field), *term.field->type);
}

// One comparison of rows where all terms point the same way, which an index answers; else
// (a > $1 or (a = $1 and (b < $2 or ...))), with a >= $1 in front for the index.
void record_table::listing::add_place(bound_statement& s) const {
  s += conjunction(where);
  const bool same_way = std::all_of(
      order.begin(), order.end(), [this](const order_term& t) { return t.down == order[0].down; });
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
void record_table::listing::read_page(reader& db) {
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

void record_table::listing::count(reader& db) {
  bound_statement s{fmt::format("select count(*) from {}", of.table_) + where.text, where.values};
  std::int64_t total = 0;
  s.run(db, {type_of<std::int64_t>(), &total, [](void* to) { return to; }, true});
  found.total.emplace(total);
}

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

}  // namespace aft::storage
