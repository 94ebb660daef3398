#pragma once
// Reads a database.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <aft/ground/time.hpp>
#include <aft/ground/type.hpp>
#include <aft/storage/row.hpp>
#include <aft/storage/sql.hpp>
#include <aft/storage/sql_text.hpp>

namespace aft {

namespace storage {
class connection;

// Where the rows of a query go.
struct row_target {
  const type_info& type;
  void* rows;
  void* (*add)(void* rows);  // a default row, to be filled; null: no more
  bool first_only;
  bool stream = false;  // there may be more of them than memory has room for
};

// Gives rows one at a time to a function.
template <class Row, class F>
struct row_stream {
  F& f;
  Row row{};
  bool filled = false, stopped = false;

  static void* add(void* self) {
    auto& s = *static_cast<row_stream*>(self);
    s.give();
    if (s.stopped) return nullptr;
    s.row = Row{};
    s.filled = true;
    return &s.row;
  }
  void give() {
    if (!filled) return;
    filled = false;
    if constexpr (std::is_void_v<std::invoke_result_t<F&, Row&>>) f(row);
    else stopped = !f(row);
  }
};

// The types of arguments whose last one is a function.
template <class Done, class... Rest>
struct before_last;
template <class... Done, class Last>
struct before_last<std::type_identity<void(Done...)>, Last> {
  using text = sql<Done...>;
};
template <class... Done, class First, class... Rest>
struct before_last<std::type_identity<void(Done...)>, First, Rest...>
    : before_last<std::type_identity<void(Done..., First)>, Rest...> {};
template <class Last>
Last& last_of(Last& last) {
  return last;
}
template <class First, class... Rest>
auto& last_of(First&, Rest&... rest) {
  return last_of(rest...);
}
}  // namespace storage

// Typed queries over one consistent view of the database: everything that one handler reads through
// it is of one moment, and that moment is never before a write that has been answered.
//
// A row is a struct, whose fields are found by the names of the columns; a std::tuple, std::pair or
// std::array of as many columns as there are; or one value of the first column. Columns beyond a
// struct's fields are let be. A field without a column, NULL where the field is not optional, a
// number that does not fit: aft::storage_error, which names the column. A field that is a vector or
// map is read from a column of JSON text; a field that is a struct from columns named
// "field.member".
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
        {detail::row_type<Row>(), &rows,
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
        {detail::row_type<Row>(), &row,
         [](void* to) -> void* { return &static_cast<std::optional<Row>*>(to)->emplace(); }, true},
        query.text(), {detail::bind_parameter(args)...});
    return row;
  }

  // The first row, which must be there: throws storage_error otherwise.
  template <class Row, class... Args>
  Row one(std::type_identity_t<sql<Args...>> query, const Args&... args) {
    Row row{};
    run_query_for_one({detail::row_type<Row>(), &row, [](void* to) { return to; }, true},
                      query.text(), {detail::bind_parameter(args)...});
    return row;
  }

  // Calls the last argument, f(Row&), for each row as it is read; where it returns a bool, false
  // ends it. It may ask other queries of this reader. In constant memory: PostgreSQL is asked for
  // the rows in pieces of about 1 MiB, by how long they were so far, and of 1024 at most; only the
  // result of a statement that writes ("... returning") is held whole there. What fails in a later
  // row is thrown after f was called for those before it.
  //   db.each<note>("select * from note where owner = $1", me, [&](note& n) { out << n.title; });
  template <class Row, class... ArgsAndF>
  void each(typename storage::before_last<std::type_identity<void()>,
                                          std::decay_t<ArgsAndF>...>::text query,
            ArgsAndF&&... args_and_f) {
    const detail::parameter values[] = {bind_unless_callable<Row>(args_and_f)...};
    auto& f = storage::last_of(args_and_f...);
    stream_rows<Row>(query.text(), {values, sizeof...(args_and_f) - 1}, f);
  }

  // The same with SQL that is put together while the program runs.
  template <class Row>
  std::vector<Row> all(const sql_text& query) {
    std::vector<Row> rows;
    run_text({detail::row_type<Row>(), &rows,
              [](void* to) -> void* { return &static_cast<std::vector<Row>*>(to)->emplace_back(); },
              false},
             query);
    return rows;
  }
  template <class Row>
  std::optional<Row> find(const sql_text& query) {
    std::optional<Row> row;
    run_text(
        {detail::row_type<Row>(), &row,
         [](void* to) -> void* { return &static_cast<std::optional<Row>*>(to)->emplace(); }, true},
        query);
    return row;
  }
  template <class Row>
  Row one(const sql_text& query) {
    Row row{};
    run_text_for_one({detail::row_type<Row>(), &row, [](void* to) { return to; }, true}, query);
    return row;
  }
  template <class Row, class F>
  void each(const sql_text& query, F&& f) {
    stream_rows<Row>(kept(query.text()), query.values(), f);
  }

  time_point now() const;  // by the app's clock

 protected:
  friend struct storage_access;
  explicit reader(storage::connection& c) : connection_(&c) {}
  ~reader() = default;

  using parameters = std::initializer_list<detail::parameter>;
  void run_query(const storage::row_target& rows, std::string_view text, parameters values);
  void run_query_for_one(const storage::row_target& row, std::string_view text, parameters values);
  void run_text(const storage::row_target& rows, const sql_text& query);
  void run_text_for_one(const storage::row_target& row, const sql_text& query);
  void run_stream(const storage::row_target& rows, std::string_view text,
                  std::span<const detail::parameter> values);
  std::string_view kept(std::string_view text);  // the same text, where it is kept prepared

  template <class Row, class F>
  void stream_rows(std::string_view text, std::span<const detail::parameter> values, F& f) {
    storage::row_stream<Row, F> s{f};
    run_stream({detail::row_type<Row>(), &s, &s.add, false, true}, text, values);
    s.give();
  }
  template <class Row, class T>
  static detail::parameter bind_unless_callable(T& value) {
    if constexpr (std::is_invocable_v<T&, Row&>) return {};
    else return detail::bind_parameter(value);
  }

  storage::connection* connection_;
};

}  // namespace aft
