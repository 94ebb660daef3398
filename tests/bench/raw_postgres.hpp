#pragma once
// libpq as a program uses it that has only one thing to do.

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/postgres/libpq.hpp"

namespace bench {

// One connection, and one statement that it has prepared. Throws std::runtime_error.
class raw_postgres {
 public:
  raw_postgres(const std::string& url, const char* statement);

  void run(const char* text);  // without rows

  // Runs the statement, whose parameters are one bigint and, where it is given, one text.
  void send(std::int64_t id, const char* text = nullptr);
  // All that was sent, as one round trip.
  void sync();
  // The result of what was sent first.
  aft::storage::postgres::result receive();
  void receive_sync();

  static std::int64_t integer(const PGresult* r, int column);
  static std::string text(const PGresult* r, int column);

 private:
  aft::storage::postgres::open_connection db_;
};

}  // namespace bench
