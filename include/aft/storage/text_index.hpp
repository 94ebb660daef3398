#pragma once
// Full-text search over columns of a table.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <aft/storage/migration.hpp>
#include <aft/storage/reader.hpp>

namespace aft {

// Finds the rows of a table by the words in some of its columns of text, in any case; on SQLite
// with any accents, too. The index is a step of the program's migrations, and the database keeps it
// up to date: FTS5 on SQLite; on PostgreSQL a column "table_words" of tsvector, by the rules of no
// language. Any thread.
//   const aft::text_index words("note", {"title", "text"});
//   app.migrate(words.step("002_note_words"));
//   auto found = words.search<note>(db, "milk tea*");
//   auto page = notes.list(db, *q, words.where(db, q->words));    // with a repository
//
// What is searched for may come from a stranger, and is never wrong: words, each of which must
// occur; "several words" in quotes, side by side; a beginning, with * behind. All other signs only
// part words. Of more than 16 words or 1,000 bytes the rest is ignored; no word finds nothing.
class text_index {
 public:
  // The key is an integer primary key. Throws storage_error where a name is none.
  text_index(std::string_view table, const std::vector<std::string>& columns,
             std::string_view key = "id");

  // Makes the index, with what is in the table already. Edited columns are a new step behind
  // drop(), as with any schema.
  migration step(std::string name) const;
  migration drop(std::string name) const;

  // The best first.
  template <class Row>
  std::vector<Row> search(reader& db, std::string_view words, std::int64_t limit = 20) const {
    return db.all<Row>(query(db, words, limit));
  }

  // The condition that a row has the words, for a statement over the table.
  sql_text where(const reader& db, std::string_view words) const;

 private:
  sql_text query(const reader& db, std::string_view words, std::int64_t limit) const;

  std::string table_, key_, index_;
  std::vector<std::string> columns_;
};

}  // namespace aft
