#include <algorithm>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include <aft/storage/schema.hpp>

#include "connection.hpp"
#include "described_table.hpp"

namespace aft {
namespace {

using storage::described_column;
using storage::described_reference;
using storage::described_table;

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "`" : ", `") + name + "`";
  return out;
}

// In a table's cell, where a bar would end it.
std::string in_cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

bool contains_name(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// ---- the diagram

// Mermaid takes a letter or an underscore, then digits, too.
std::string in_diagram(const std::string& name) {
  std::string out;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    out += plain ? c : '_';
  }
  const bool begins = !out.empty() && (out[0] < '0' || out[0] > '9');
  return begins ? out : '_' + out;
}

std::string keys_in_diagram(const described_table& table, const std::string& column) {
  std::vector<std::string> keys;
  if (contains_name(table.primary_key, column)) keys.emplace_back("PK");
  for (const auto& reference : table.references) {
    if (!contains_name(reference.columns, column) || contains_name(keys, "FK")) continue;
    keys.emplace_back("FK");
  }
  for (const auto& unique : table.unique) {
    if (unique == std::vector{column} && keys.empty()) keys.emplace_back("UK");
  }
  std::string out;
  for (const auto& key : keys) out += (out.empty() ? " " : ", ") + key;
  return out;
}

// How many rows may refer to one, and whether each must refer to one.
std::string line_in_diagram(const described_table& table, const described_reference& reference) {
  const bool one =
      table.primary_key == reference.columns ||
      std::find(table.unique.begin(), table.unique.end(), reference.columns) != table.unique.end();
  const bool must = std::none_of(table.columns.begin(), table.columns.end(),
                                 [&reference](const described_column& c) {
                                   return c.nullable && contains_name(reference.columns, c.name);
                                 });
  std::string label;
  for (const auto& column : reference.columns) label += (label.empty() ? "" : ", ") + column;
  return fmt::format("  {} {}--{} {} : \"{}\"\n", in_diagram(reference.table), must ? "||" : "|o",
                     one ? "o|" : "o{", in_diagram(table.name), label);
}

std::string diagram_of(const std::vector<described_table>& tables) {
  std::string entities, lines;
  for (const auto& table : tables) {
    if (!table.view.empty()) continue;
    entities += fmt::format("  {} {{\n", in_diagram(table.name));
    for (const auto& column : table.columns) {
      entities += fmt::format("    {} {}{}\n", in_diagram(column.type), in_diagram(column.name),
                              keys_in_diagram(table, column.name));
    }
    entities += "  }\n";
    for (const auto& reference : table.references) lines += line_in_diagram(table, reference);
  }
  if (entities.empty()) return {};
  return "\n```mermaid\nerDiagram\n" + entities + lines + "```\n";
}

// ---- the tables

std::string columns_of(const described_table& table) {
  if (!table.view.empty()) {
    std::string out = "\n| column | type |\n|---|---|\n";
    for (const auto& c : table.columns) out += fmt::format("| `{}` | {} |\n", c.name, c.type);
    return out;
  }
  std::string out = "\n| column | type | null | default | meaning |\n|---|---|---|---|---|\n";
  for (const auto& c : table.columns) {
    out += fmt::format("| `{}` | {} | {} | {} | {} |\n", c.name, c.type, c.nullable ? "yes" : "no",
                       c.default_value.empty() ? "" : '`' + in_cell(c.default_value) + '`',
                       in_cell(c.comment));
  }
  return out;
}

std::string keys_of(const described_table& table) {
  std::string out;
  if (!table.primary_key.empty()) {
    out += fmt::format("- primary key: {}\n", listed(table.primary_key));
  }
  auto unique = table.unique;
  std::sort(unique.begin(), unique.end());
  for (const auto& columns : unique) out += fmt::format("- unique: {}\n", listed(columns));
  auto references = table.references;
  std::sort(references.begin(), references.end(),
            [](const auto& a, const auto& b) { return a.columns < b.columns; });
  for (const auto& r : references) {
    out += fmt::format("- {} refers to {} of `{}`{}{}\n", listed(r.columns), listed(r.referred),
                       r.table, r.rules.empty() ? "" : ", ", r.rules);
  }
  for (const auto& check : table.checks) out += fmt::format("- check: `{}`\n", check);
  for (const auto& index : table.indexes) {
    out += fmt::format("- {}index `{}`: `{}`\n", index.unique ? "unique " : "", index.name,
                       index.definition);
  }
  return out.empty() ? out : '\n' + out;
}

std::string section_of(const described_table& table) {
  auto out = fmt::format("\n## {}{}\n", table.name, table.view.empty() ? "" : " (view)");
  if (!table.comment.empty()) out += '\n' + table.comment + '\n';
  out += columns_of(table) + keys_of(table);
  if (!table.view.empty()) out += fmt::format("\n```sql\n{}\n```\n", table.view);
  return out;
}

}  // namespace

std::string schema_document(database& db) {
  const auto tables = db.read([](reader& r) {
    return storage_access::kind(r) == storage::engine_kind::postgres ? storage::describe_postgres(r)
                                                                     : storage::describe_sqlite(r);
  });
  auto out = "# Schema\n" + diagram_of(tables);
  for (const auto& table : tables) out += section_of(table);
  return out;
}

std::string stale_document(const std::string& file, std::string_view text) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return fmt::format("{} cannot be read; write it", file);
  const std::string there((std::istreambuf_iterator<char>(in)), {});
  if (there == text) return {};
  std::string_view was(there), is(text);
  for (std::size_t line = 1;; ++line) {
    const auto old_line = was.substr(0, was.find('\n')), new_line = is.substr(0, is.find('\n'));
    if (old_line != new_line || was.empty() || is.empty()) {
      return fmt::format("{} is stale: its line {} is \"{}\", and should be \"{}\"; write it anew",
                         file, line, old_line, new_line);
    }
    was.remove_prefix(std::min(was.size(), old_line.size() + 1));
    is.remove_prefix(std::min(is.size(), new_line.size() + 1));
  }
}

}  // namespace aft
