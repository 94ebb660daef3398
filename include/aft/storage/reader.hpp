#pragma once
// Reads a database.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include <aft/ground/time.hpp>
#include <aft/ground/type.hpp>
#include <aft/storage/sql.hpp>

namespace aft {

namespace storage {
class connection;

// Where the rows of a query go.
struct row_target {
  const type_info& type;
  void* rows;
  void* (*add)(void* rows);  // a default row, to be filled
  bool first_only;
};
}  // namespace storage

// Typed queries over one consistent view of the database: everything that one handler reads through
// it is of one moment, and that moment is never before a write that has been answered.
//
// A row is a struct, whose fields are found by the names of the columns, or one value of the first
// column. Columns beyond the fields are let be. A field without a column, NULL where the field is
// not optional, a number that does not fit: aft::storage_error, which names the column. A field
// that is a vector or map is read from a column of JSON text; a field that is a struct from columns
// named "field.member".
//
// One thread at a time; only within the call that it was given to.
class reader {
 public:
  reader(const reader&) = delete;
  reader& operator=(const reader&) = delete;

  template <class Row, class... Args>
  std::vector<Row> all(std::type_identity_t<sql<Args...>> query, const Args&... args) {
    std::vector<Row> rows;
    run_query(
        {type_of<Row>(), &rows,
         [](void* to) -> void* { return &static_cast<std::vector<Row>*>(to)->emplace_back(); },
         false},
        query.text(), {detail::bind_parameter(args)...});
    return rows;
  }

  // The first row, or nothing.
  template <class Row, class... Args>
  std::optional<Row> find(std::type_identity_t<sql<Args...>> query, const Args&... args) {
    std::optional<Row> row;
    run_query(
        {type_of<Row>(), &row,
         [](void* to) -> void* { return &static_cast<std::optional<Row>*>(to)->emplace(); }, true},
        query.text(), {detail::bind_parameter(args)...});
    return row;
  }

  // The first row, which must be there: throws storage_error otherwise.
  template <class Row, class... Args>
  Row one(std::type_identity_t<sql<Args...>> query, const Args&... args) {
    Row row{};
    run_query_for_one({type_of<Row>(), &row, [](void* to) { return to; }, true}, query.text(),
                      {detail::bind_parameter(args)...});
    return row;
  }

  time_point now() const;  // by the app's clock

 protected:
  friend struct storage_access;
  explicit reader(storage::connection& c) : connection_(&c) {}
  ~reader() = default;

  using parameters = std::initializer_list<detail::parameter>;
  void run_query(const storage::row_target& rows, std::string_view text, parameters values);
  void run_query_for_one(const storage::row_target& row, std::string_view text, parameters values);

  storage::connection* connection_;
};

}  // namespace aft
