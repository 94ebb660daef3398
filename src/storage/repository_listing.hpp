#pragma once
// One page of a repository's rows, as a query asks for it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <aft/storage/repository.hpp>

#include "bound_statement.hpp"

namespace aft::storage {

struct order_term {
  const field_info* field;
  bool down;
};

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

  // Throws configuration_error where the table cannot be ordered like that.
  static void check_order(const record_table& t, const std::string& text);

  // ---- what is asked for

  void read_query();
  void filter(const field_info& field, const void* value, const type_info& value_type);
  static bool read_order(const record_table& t, std::string_view text,
                         std::vector<order_term>& order);
  std::string sortable() const;
  void wrong(std::string_view field, std::string_view code, std::string detail);

  // ---- the cursor

  void make_fingerprint();
  bool read_cursor();  // false: it is of another list
  std::string cursor_behind(const void* row) const;

  // ---- the statements

  void read_page(reader& db);
  void count(reader& db);
  void add_place(bound_statement& s) const;
  void bind_place(bound_statement& s, const order_term& term) const;
};

}  // namespace aft::storage
