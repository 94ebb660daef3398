#pragma once
// libpq, with owners for what it hands out.

#include <memory>

#if __has_include(<libpq-fe.h>)
#include <libpq-fe.h>
#else
#include <postgresql/libpq-fe.h>
#endif

namespace aft::storage::postgres {

struct closes {
  void operator()(PGconn* c) const { PQfinish(c); }
};
using open_connection = std::unique_ptr<PGconn, closes>;

struct clears {
  void operator()(PGresult* r) const { PQclear(r); }
};
using result = std::unique_ptr<PGresult, clears>;

// What the server calls its types (pg_type.dat); these numbers never change.
enum type_number : Oid {
  bool_type = 16,
  bytea_type = 17,
  char_type = 18,
  name_type = 19,
  int8_type = 20,
  int2_type = 21,
  int4_type = 23,
  text_type = 25,
  json_type = 114,
  xml_type = 142,
  float4_type = 700,
  float8_type = 701,
  unknown_type = 705,
  bpchar_type = 1042,
  varchar_type = 1043,
  date_type = 1082,
  timestamp_type = 1114,
  timestamptz_type = 1184,
  numeric_type = 1700,
  uuid_type = 2950,
  jsonb_type = 3802,
};

// PostgreSQL counts microseconds from 2000 on.
inline constexpr std::int64_t year_2000 = 946'684'800'000'000;
inline constexpr std::int64_t day_in_microseconds = 86'400'000'000;

}  // namespace aft::storage::postgres
