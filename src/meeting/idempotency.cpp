#include "idempotency.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/random.hpp>

#include "../http/route_list.hpp"

namespace aft::meeting {
namespace {

constexpr std::size_t max_idempotency_key = 255;
constexpr std::uint64_t clean_up_every = 32;  // stored answers
constexpr std::int64_t cleaned_at_once = 200;

const char* const idempotency_tables = R"(
create table aft_idempotency (
  key_hash     text primary key,  -- of the route, the credentials and the client's key
  fingerprint  text not null,     -- of the request
  status       integer not null,
  content_type text not null,
  headers      text not null,     -- whole lines
  body         blob not null,
  expires_at   timestamp not null
) strict;
create index aft_idempotency_expires on aft_idempotency (expires_at);
)";

struct stored_answer {
  std::string fingerprint;
  int status;
  std::string content_type, headers;
  std::vector<std::byte> body;
  time_point expires_at;
};

// The text of a structured-field string (RFC 8941 section 3.3.3), or a bare word, as many send it.
// Empty for what is neither.
std::string read_key(std::string_view value) {
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  if (quoted) value = value.substr(1, value.size() - 2);
  const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
    return c > 32 && c < 127 && c != '"' && c != '\\' && c != ',' && c != ';';
  });
  return plain && value.size() <= max_idempotency_key ? std::string(value) : std::string();
}

std::string hash_of_parts(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const auto part : parts) text += fmt::format("{}:{}", part.size(), part);
  return to_base64url(sha256(text));
}

}  // namespace

std::vector<migration> idempotency_migrations() {
  return {{"001_idempotency", idempotency_tables}};
}

bool keys_in_flight::begin(const std::string& key) {
  std::lock_guard lock(mutex_);
  return keys_.insert(key).second;
}

void keys_in_flight::end(const std::string& key) {
  std::lock_guard lock(mutex_);
  keys_.erase(key);
}

keyed_request::keyed_request(const http::call& c, keys_in_flight& all) : all_(all) {
  const auto& r = c.incoming;
  const auto header = r.header("Idempotency-Key");
  if (!header) {
    is_missing_ = c.route->idempotent->required;
    return;
  }
  const auto key = read_key(*header);
  is_malformed_ = key.empty();
  if (is_malformed_) return;
  // Nobody gets another's answers: a key counts for the credentials that it comes with.
  key_ = hash_of_parts({r.method_name(), c.route->pattern, r.header("Authorization").value_or(""),
                        r.header("Cookie").value_or(""), r.header("X-Api-Key").value_or(""), key});
  fingerprint_ = hash_of_parts({r.target(), r.header("Content-Type").value_or(""), r.body()});
  is_in_flight_ = !all_.begin(key_);
}

keyed_request::~keyed_request() {
  if (!key_.empty() && !is_in_flight_) all_.end(key_);
}

bool keyed_request::refuse(http::call& c) const {
  problem p;
  if (is_missing_) {
    p = {400, "this route needs an Idempotency-Key", "idempotency_key_missing"};
  } else if (is_malformed_) {
    p = {400, "the Idempotency-Key is not a text of 1 to 255 characters",
         "idempotency_key_malformed"};
  } else if (is_in_flight_) {
    p = {409, "a request with this Idempotency-Key is being answered", "idempotency_key_in_use"};
    p.retry_after_seconds = 1;
  } else {
    return false;
  }
  c.failed = true;
  c.failure = std::move(p);
  return true;
}

bool keyed_request::answer(reader& db, http::call& c) const {
  if (refuse(c)) return true;
  if (key_.empty()) return false;
  const auto stored =
      db.find<stored_answer>("select * from aft_idempotency where key_hash = $1", key_);
  if (!stored || stored->expires_at <= db.now()) return false;
  if (stored->fingerprint != fingerprint_) {
    c.failed = true;
    c.failure =
        problem{422, "this Idempotency-Key was used for another request", "idempotency_key_reused"};
    return true;
  }
  auto& a = c.answer;
  a.status = stored->status;
  a.content_type_storage = stored->content_type;
  a.content_type = a.content_type_storage;
  a.headers.append(stored->headers);
  http::add_header(a, "Idempotency-Replayed", "true");
  a.body.append({reinterpret_cast<const char*>(stored->body.data()), stored->body.size()});
  return true;
}

void keyed_request::store(transaction& tx, const http::call& c) const {
  const auto& a = c.answer;
  if (key_.empty() || a.status >= 500) return;
  const auto& options = *c.route->idempotent;
  const auto content = a.content();
  if (a.source || a.upgrade || content.size() > options.max_answer_bytes) {
    throw error(
        fmt::format("the answer of {} cannot be stored to be given again: it is a stream, "
                    "or has more than {} bytes",
                    c.route->label(), options.max_answer_bytes));
  }
  const auto* bytes = reinterpret_cast<const std::byte*>(content.data());
  // One that is over has to go first.
  tx.execute("delete from aft_idempotency where key_hash = $1", key_);
  tx.execute(
      "insert into aft_idempotency (key_hash, fingerprint, status, content_type, headers, body, "
      "expires_at) values ($1, $2, $3, $4, $5, $6, $7)",
      key_, fingerprint_, a.status, a.content_type, a.headers.view(),
      std::vector<std::byte>(bytes, bytes + content.size()), tx.now() + options.keep);
  if (random_number(clean_up_every) == 0) {
    tx.execute(
        "delete from aft_idempotency where key_hash in (select key_hash from aft_idempotency "
        "where expires_at <= $1 limit $2)",
        tx.now(), cleaned_at_once);
  }
}

}  // namespace aft::meeting
