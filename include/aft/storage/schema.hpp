#pragma once
// What the schema of a database is, will be, and should be. Any thread.

#include <string>
#include <string_view>
#include <vector>

#include <aft/storage/database.hpp>
#include <aft/storage/migration.hpp>

namespace aft {

struct planned_migration {
  std::string line;
  std::string name;
  std::string sql;  // in the words of the engine
};

// A dry run: what database::migrate would apply now, in its order. Changes nothing, and throws
// where that would for what was edited, moved or left out. What fails only as it runs is not seen.
std::vector<planned_migration> migration_plan(database& db, const std::string& line,
                                              const std::vector<migration>& steps);

// How the tables, indexes, views, triggers and the like of the database differ from what the
// migrations that were applied to it make, as a diff: "-" stands before what the migrations make,
// "+" before what is there instead, or besides. Empty: no drift. Not compared: rows, the order of
// columns, comments, and what an extension brought.
//   table note
//     - title text not null
//     + title text
// The migrations are applied once more, with the texts that the database keeps: on SQLite to one in
// memory, on PostgreSQL to a schema of its own, in a transaction that is rolled back; they must not
// name the schema of their tables, then. Changes nothing. Throws configuration_error where a
// migration can no longer be applied, and storage_error. Where none may wait: misuse.
std::string schema_drift(database& db);

// The live schema in Markdown, without the library's own tables: a diagram (Mermaid's erDiagram),
// then each table and view with its columns, keys, indexes and checks, by name. Meanings are the
// comments inside a "create table" on SQLite (behind its first parenthesis for the table; in the
// line of a column, or in lines before it), and "comment on" on PostgreSQL, where migrations put
// these.
std::string schema_document(database& db);

// For the test that keeps a document up to date: empty where the file holds this text, else one
// sentence that says where they differ.
//   CHECK(aft::stale_document("doc/schema.md", aft::schema_document(app.db())) == "");
std::string stale_document(const std::string& file, std::string_view text);

}  // namespace aft
