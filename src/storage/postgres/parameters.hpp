#pragma once
// The values of one statement, as the server wants them.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <aft/storage/sql.hpp>

#include "libpq.hpp"

namespace aft::storage::postgres {

// Filled anew for each statement; points into the values that it was filled from.
class parameters {
 public:
  // `types` are those that the server found for the statement. Throws storage_error where a value
  // is of no kind that they take.
  void assign(std::span<const detail::parameter> values, std::span<const Oid> types);

  int count() const { return int(at_.size()); }
  const char* const* values() const { return at_.data(); }
  const int* lengths() const { return lengths_.data(); }
  const int* formats() const { return formats_.data(); }

 private:
  void put(const void* value, const type_info& type);
  void put_boolean(bool value);
  void put_integer(std::int64_t value);
  void put_unsigned(std::uint64_t value);
  void put_number(double value);
  void put_time(std::int64_t microseconds);
  void put_text(std::string_view text, bool lasts);
  void put_bytes(std::string_view bytes);
  void put_null();

  void refer(std::string_view bytes);               // which outlive the statement
  void copy(std::string_view bytes, bool as_text);  // which do not
  void keep_last();                                 // copies what it refers to
  void copy_integer(std::int64_t value, unsigned width);
  [[noreturn]] void refuse(std::string_view what) const;
  bool takes_text() const;

  Oid type_ = 0;  // of the value that is put
  std::vector<const char*> at_;
  std::vector<int> lengths_, formats_;
  std::string copies_;
  std::vector<std::size_t> copied_;  // where each lies in copies_; npos: not there
};

// What a value is sent as where the server cannot tell.
Oid usual_type(const detail::parameter& value);

}  // namespace aft::storage::postgres
