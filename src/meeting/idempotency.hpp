#pragma once
// Routes that are idempotent by a key of the client's: the answer is stored with the effect, and
// given again. After draft-ietf-httpapi-idempotency-key-header-07.

#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <aft/storage/migration.hpp>
#include <aft/storage/transaction.hpp>

#include "../http/call.hpp"

namespace aft::meeting {

inline constexpr const char* idempotency_line = "aft-idempotency";  // of migrations
std::vector<migration> idempotency_migrations();

// Of the keys that are in use in this process. Any thread.
class keys_in_flight {
 public:
  bool begin(const std::string& key);  // false: another one has it
  void end(const std::string& key);

 private:
  std::mutex mutex_;
  std::set<std::string> keys_;  // guarded by mutex_
};

// One request with a key, from its arrival to its end.
class keyed_request {
 public:
  keyed_request(const http::call& c, keys_in_flight& all);
  keyed_request(const keyed_request&) = delete;
  keyed_request& operator=(const keyed_request&) = delete;
  ~keyed_request();

  // Before the handler. True: the call has its answer, a stored one; or it has failed.
  bool answer(reader& db, http::call& c) const;
  // After it, in the same transaction.
  void store(transaction& tx, const http::call& c) const;

 private:
  bool refuse(http::call& c) const;
  keys_in_flight& all_;
  bool is_missing_ = false, is_malformed_ = false, is_in_flight_ = false;
  std::string key_;  // a hash, empty where there is none
  std::string fingerprint_;
};

}  // namespace aft::meeting
