#pragma once
// The certificates of a server, and what it agrees to before a client may speak HTTP.

#include <memory>
#include <mutex>
#include <utility>

#include <aft/ground/log.hpp>
#include <aft/server/tls.hpp>

struct bio_method_st;
struct ssl_ctx_st;

namespace aft::server {

class tls_stream;

// Never changes. Any thread.
class tls_context {
 public:
  // Reads the files; throws configuration_error that names the one that cannot be used.
  tls_context(const tls_options& options, const logger& log);
  tls_context(const tls_context&) = delete;
  tls_context& operator=(const tls_context&) = delete;
  ~tls_context();

 private:
  friend class tls_stream;
  class impl;
  ssl_ctx_st* first() const;
  const bio_method_st* socket_method() const;
  std::unique_ptr<impl> impl_;
};

// What new connections get. Any thread.
class current_tls {
 public:
  std::shared_ptr<const tls_context> get() const {  // null: no TLS
    std::lock_guard lock(mutex_);
    return context_;
  }
  void set(std::shared_ptr<const tls_context> context) {
    std::lock_guard lock(mutex_);
    context_.swap(context);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const tls_context> context_{};  // guarded by mutex_; shared with its streams
};

}  // namespace aft::server
