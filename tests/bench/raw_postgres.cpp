#include "raw_postgres.hpp"

#include <endian.h>

#include <cstring>
#include <stdexcept>

namespace bench {

using aft::storage::postgres::result;

raw_postgres::raw_postgres(const std::string& url, const char* statement)
    : db_(PQconnectdb(url.c_str())) {
  if (PQstatus(db_.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(db_.get()));
  const result prepared(PQprepare(db_.get(), "it", statement, 0, nullptr));
  if (PQresultStatus(prepared.get()) != PGRES_COMMAND_OK) {
    throw std::runtime_error(PQerrorMessage(db_.get()));
  }
  PQenterPipelineMode(db_.get());
}

void raw_postgres::run(const char* text) {
  PQsendQueryParams(db_.get(), text, 0, nullptr, nullptr, nullptr, nullptr, 0);
  sync();
  receive();
  receive_sync();
}

void raw_postgres::send(std::int64_t id, const char* text) {
  const auto number = htobe64(std::uint64_t(id));
  const char* const values[] = {reinterpret_cast<const char*>(&number), text};
  const int lengths[] = {8, text ? int(std::strlen(text)) : 0};
  const int formats[] = {1, 1};
  PQsendQueryPrepared(db_.get(), "it", text ? 2 : 1, values, lengths, formats, 1);
}

void raw_postgres::sync() { PQpipelineSync(db_.get()); }

result raw_postgres::receive() {
  result r(PQgetResult(db_.get()));
  const auto status = PQresultStatus(r.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    throw std::runtime_error(PQerrorMessage(db_.get()));
  }
  PQclear(PQgetResult(db_.get()));  // null, which ends it
  return r;
}

void raw_postgres::receive_sync() {
  const result r(PQgetResult(db_.get()));
  if (PQresultStatus(r.get()) != PGRES_PIPELINE_SYNC) {
    throw std::runtime_error(PQerrorMessage(db_.get()));
  }
}

std::int64_t raw_postgres::integer(const PGresult* r, int column) {
  std::uint64_t number = 0;
  std::memcpy(&number, PQgetvalue(r, 0, column), sizeof number);
  return std::int64_t(be64toh(number));
}

std::string raw_postgres::text(const PGresult* r, int column) {
  return {PQgetvalue(r, 0, column), std::size_t(PQgetlength(r, 0, column))};
}

}  // namespace bench
