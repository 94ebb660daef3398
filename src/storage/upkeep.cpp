#include <aft/storage/upkeep.hpp>

#include <charconv>

#include <fmt/format.h>

#include "connection.hpp"

namespace aft {
namespace {

struct orphan_row {
  std::string table;
  std::optional<std::int64_t> row;
  std::string parent;
};

// "row 3 missing from index note_by_title": of which table, the schema says.
flaw flaw_of(reader& r, std::string text) {
  flaw f{flaw_kind::corrupt, {}, {}, std::move(text)};
  const std::string_view line = f.detail;
  std::int64_t row = 0;
  if (line.starts_with("row ")) {
    const auto* end = line.data() + line.size();
    if (std::from_chars(line.data() + 4, end, row).ec == std::errc()) f.row = row;
  }
  const std::string_view words[] = {"from index ", "in index ", "value in ", "NULL value in "};
  for (const auto word : words) {
    const auto at = line.find(word);
    if (at == line.npos) continue;
    auto name = line.substr(at + word.size());
    name = name.substr(0, name.find_first_of(". "));
    const auto table =
        r.find<std::string>("select tbl_name from sqlite_schema where name = $1", name);
    if (table) f.table = *table;
    break;
  }
  return f;
}

}  // namespace

std::vector<flaw> check(database& db, std::size_t most) {
  return db.read([most](reader& r) {
    std::vector<flaw> flaws;
    if (storage_access::kind(r) == storage::engine_kind::postgres) return flaws;
    try {
      const auto lines = r.all<std::string>(
          "select integrity_check from pragma_integrity_check($1) where integrity_check <> 'ok'",
          std::int64_t(most));
      for (const auto& line : lines) {
        if (flaws.size() < most) flaws.push_back(flaw_of(r, line));
      }
      std::size_t orphans = 0;
      r.each<orphan_row>("select \"table\", rowid as row, parent from pragma_foreign_key_check",
                         [&](orphan_row& o) {
                           auto detail =
                               fmt::format("refers to a row of {} that is not there", o.parent);
                           flaws.push_back({flaw_kind::orphan, o.table, o.row, std::move(detail)});
                           return ++orphans < most;
                         });
    } catch (const storage_error& e) {
      if (e.fault() != storage_fault::corrupt) throw;
      flaws.push_back({flaw_kind::corrupt, {}, {}, e.what()});
    }
    return flaws;
  });
}

}  // namespace aft
