#pragma once
// TLS on the socket of one client, which never blocks.

#include <cstddef>
#include <memory>
#include <string_view>

#include <aft/http/message.hpp>

#include "tls_context.hpp"

struct bio_st;
struct ssl_st;

namespace aft::server {

enum class tls_status {
  done,
  wants_read,   // again when the socket can be read
  wants_write,  // again when the socket can be written to, with the same bytes at least
  closed,       // the client said that it sends no more
  failed,       // it broke the protocol, or left without a word; only the socket is left
};

struct tls_result {
  tls_status status = tls_status::done;
  std::size_t size = 0;  // of what was read or written
};

// One thread at a time.
class tls_stream {
 public:
  // The socket must outlive it. Throws std::bad_alloc.
  tls_stream(std::shared_ptr<const tls_context> context, int socket);
  tls_stream(const tls_stream&) = delete;
  tls_stream& operator=(const tls_stream&) = delete;
  ~tls_stream();

  // First of all, until it is done.
  tls_result handshake();
  std::string_view why() const { return why_; }      // it failed
  bool met_http() const { return begins_as_http_; }  // it failed, because of plain HTTP
  std::unique_ptr<const client_certificate> certificate() const;  // null: the client showed none

  tls_result read(char* to, std::size_t size);
  tls_result write(const char* from, std::size_t size);
  tls_result shutdown();  // says that no more is sent; what has been sent was all

  // What the socket need not be asked for: read() may have more at once.
  bool pending() const;

  // What the socket must be ready for before the next read() and write(); rarely the other way.
  bool reads_when_writable() const { return reading_ == tls_status::wants_write; }
  bool writes_when_readable() const { return writing_ == tls_status::wants_read; }

 private:
  friend class tls_context;
  static int receive(bio_st* bio, char* to, int size);
  static int send(bio_st* bio, const char* from, int size);
  tls_result finish(int returned, std::size_t size);

  const std::shared_ptr<const tls_context>
      context_;  // shared with other streams, and who makes them
  const int socket_;
  ssl_st* ssl_;
  std::size_t budget_ = 0;  // bytes that may still be taken from the socket in this turn
  std::string_view why_{};
  tls_status reading_ = tls_status::wants_read, writing_ = tls_status::done;
  bool begun_ = false, begins_as_http_ = false;
};

}  // namespace aft::server
