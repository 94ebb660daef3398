#pragma once
// The rows of one table as structs: found, written and listed without writing their SQL.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aft/ground/problem.hpp>
#include <aft/ground/result.hpp>
#include <aft/ground/text.hpp>
#include <aft/storage/reader.hpp>
#include <aft/storage/transaction.hpp>

namespace aft {

// What a client may ask of a list that it cannot filter: query<page_request>. A struct of the
// program's own may have these fields, too; see repository::list.
struct page_request {
  bounded<int, 1, 100> limit{20};
  std::optional<std::string> cursor{};  // page::next of the page before
  std::optional<std::string> sort{};    // "-created_at,title"
};

// Some rows of a list. In JSON: {"items":[...],"next":"..."}.
template <class Row>
struct page {
  std::vector<Row> items{};
  std::optional<std::string> next{};                   // none: this is the last page
  std::optional<std::optional<std::int64_t>> total{};  // of all pages, where it was asked for
};

struct repository_options {
  std::string key = "id";  // the column of the primary key
  // An integer column that is 1 at first, and raised by each update. Without such a field in the
  // struct there is no check for changes by others.
  std::string version = "version";
  std::vector<std::string> sort{};  // what a client may sort by beside the key; best with indexes
  std::string order{};              // where it does not say; "" is the key, "-id" downwards
};

namespace storage {

struct list_target {
  std::vector<detail::parameter> where;
  std::string_view where_text;
  void* items;  // std::vector<Row>
  const type_info& items_type;
  void* scratch;  // a Row
  std::optional<std::string>& next;
  std::optional<std::optional<std::int64_t>>& total;
};

// What a repository is without the type of its rows.
class record_table {
 public:
  record_table(std::string_view name, const type_info& row, repository_options&& options);

  std::size_t find(reader& db, const detail::parameter& key, const row_target& found) const;
  std::size_t insert(transaction& tx, const void* from, const type_info& type,
                     std::string_view on_conflict, const row_target& saved) const;
  std::size_t upsert(transaction& tx, const void* row, const row_target& saved) const;
  std::optional<problem> update(transaction& tx, const detail::parameter* key, const void* from,
                                const type_info& type, const row_target& saved) const;
  bool erase(transaction& tx, const detail::parameter& key) const;
  std::optional<problem> list(reader& db, const void* query, const type_info& type,
                              const list_target& found) const;

 private:
  struct listing;
  const field_info& column(std::string_view name, const type_info& of) const;
  const field_info* find_column(std::string_view name) const;
  bool is_set(const void* from, const field_info& field, const type_info& type) const;

  std::string table_;  // quoted, as are the next two
  std::string key_, version_;
  const type_info& row_;
  const field_info* key_field_;
  const field_info* version_field_ = nullptr;
  std::string columns_;  // all of them
  std::string find_text_, erase_text_;
  repository_options options_;
};

}  // namespace storage

// A table whose columns are the fields of Row, by their names; a field that is a struct, vector or
// map is a column of JSON text. Both engines. Any thread.
//   const aft::repository<note> notes("note", {.sort = {"created_at", "title"}});
//
// Verdicts are returned: an optional or result goes out of a handler as it is. A key that is taken
// and other constraints that do not hold throw constraint_error.
template <class Row>
class repository {
 public:
  // Throws configuration_error where the options name a column that Row does not have.
  explicit repository(std::string_view table, repository_options options = {})
      : table_(table, type_of<Row>(), std::move(options)) {}

  template <class Key>
  std::optional<Row> find(reader& db, const Key& key) const {
    std::optional<Row> row;
    table_.find(db, detail::bind_parameter(key), into(row));
    return row;
  }

  // Gives the row back as it is stored. `from` is a Row, or a struct of some of its fields, as a
  // request's body is. A key of 0 or "" is left for the database to choose. A field of another
  // struct than Row that is an empty optional is left out, and gets the column's default.
  template <class From>
  Row insert(transaction& tx, const From& from) const {
    std::optional<Row> row;
    table_.insert(tx, &from, type_of<From>(), {}, into(row));
    return *std::move(row);
  }

  // The same, but nothing where a unique column has the value already ("this name is taken").
  template <class From>
  std::optional<Row> try_insert(transaction& tx, const From& from) const {
    std::optional<Row> row;
    table_.insert(tx, &from, type_of<From>(), "on conflict do nothing", into(row));
    return row;
  }

  // Writes all fields of the row with this key. Problem 404 where there is none; 412, code "stale",
  // where its version is not that of `row`: somebody else has changed it since it was read.
  result<Row, problem> update(transaction& tx, const Row& row) const {
    return updated(tx, nullptr, &row, type_of<Row>());
  }

  // Writes some fields. What is an empty optional in `changes` stays as it is; an optional in an
  // optional writes NULL. The version is compared where `changes` has it.
  template <class Key, class Changes>
  result<Row, problem> update(transaction& tx, const Key& key, const Changes& changes) const {
    const auto bound = detail::bind_parameter(key);
    return updated(tx, &bound, &changes, type_of<Changes>());
  }

  // Inserts the row, or writes all of its fields where there is one with its key, whatever the
  // version.
  Row upsert(transaction& tx, const Row& from) const {
    std::optional<Row> row;
    table_.upsert(tx, &from, into(row));
    return *std::move(row);
  }

  // Whether there was one.
  template <class Key>
  bool erase(transaction& tx, const Key& key) const {
    return table_.erase(tx, detail::bind_parameter(key));
  }

  // A page of the rows, each exactly once over all pages, however many are inserted meanwhile: the
  // cursor holds the place in the order, in which the key decides last. There are no other costs
  // than those of the page itself, where an index has the order.
  //
  // The fields of `query`, by their names:
  //   limit     rows of a page, 1 to 1,000; 20 where there is no such field
  //   cursor    page::next of another page; with another order or filter it is refused
  //   sort      columns of options.sort or the key, "-" in front for downwards: "-created_at,title"
  //   count     a bool: counts all rows, which costs a scan
  //   others    filters by the column of that name. An optional or vector that is empty does not
  //             filter; of a vector (at most 50) any value will do. "x_min" and "x_max" are bounds
  //             of column x, both inclusive. A name that is no column: configuration_error.
  // So query<T> reads, checks and documents them all, and only what T declares can be asked for.
  //
  // `where` is what the client has no say in: aft::sql_text("owner = $1", me).
  //
  // Problem 400 with all mistakes in sort, cursor and filters.
  template <class Query>
  result<page<Row>, problem> list(reader& db, const Query& query,
                                  const sql_text& where = {}) const {
    page<Row> found;
    Row scratch{};
    auto wrong = table_.list(db, &query, type_of<Query>(),
                             {where.values(), where.text(), &found.items,
                              type_of<std::vector<Row>>(), &scratch, found.next, found.total});
    if (wrong) return *std::move(wrong);
    return found;
  }

 private:
  static storage::row_target into(std::optional<Row>& row) {
    return {type_of<Row>(), &row,
            [](void* to) -> void* { return &static_cast<std::optional<Row>*>(to)->emplace(); },
            true};
  }
  result<Row, problem> updated(transaction& tx, const detail::parameter* key, const void* from,
                               const type_info& type) const {
    std::optional<Row> row;
    auto wrong = table_.update(tx, key, from, type, into(row));
    if (wrong) return *std::move(wrong);
    return *std::move(row);
  }

  storage::record_table table_;
};

}  // namespace aft
