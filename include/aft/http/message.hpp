#pragma once
// Requests and responses, free of any socket.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aft/ground/context.hpp>
#include <aft/ground/time.hpp>

namespace aft {

namespace http {
struct request_access;  // how the library fills a request
}

enum class method : std::uint8_t { get, head, post, put, patch, del, options, query, trace, other };

std::string_view to_string(method);

// Names that HTTP compares without regard to case (RFC 9110 section 5.1).
bool equal_ignoring_case(std::string_view a, std::string_view b);

struct header_line {
  std::string_view name;   // as the client spelt it
  std::string_view value;  // without surrounding spaces
};

// What a client has shown of itself over TLS, signed by an authority that the server trusts.
struct client_certificate {
  std::string subject{};             // as RFC 2253 writes it: "CN=meter 7,O=Example"
  std::vector<std::string> names{};  // alternative ones: DNS names, URIs, e-mail addresses
  std::string fingerprint{};         // SHA-256 of the whole, in hexadecimal
};

// A request as its bytes say it. Everything it gives is a view that lives until the handler has
// returned (for a coroutine: until it is done). Const from any thread.
class request {
 public:
  aft::method method() const { return method_; }
  std::string_view method_name() const { return method_name_; }  // "GET"; case-sensitive
  std::string_view target() const { return target_; }            // "/notes?limit=5", as sent
  std::string_view path() const { return target_.substr(0, path_length_); }  // not decoded
  std::string_view query() const {  // without '?'; not decoded
    return path_length_ < target_.size() ? target_.substr(path_length_ + 1) : std::string_view();
  }
  int minor_version() const { return minor_version_; }  // 1 for HTTP/1.1

  std::span<const header_line> headers() const { return {headers_, header_count_}; }
  std::optional<std::string_view> header(std::string_view name) const;  // the first of that name
  std::optional<std::string_view> cookie(std::string_view name) const;  // RFC 6265 section 5.4

  // The IP address that the request came from; empty behind a Unix socket. Where proxies are
  // trusted (listen_options), the one they name.
  std::string client() const;

  // Whether it came over TLS; where proxies are trusted, also whether they say that it did.
  bool secure() const;

  // Null for who showed none.
  const aft::client_certificate* client_certificate() const;

  // Until the route's deadline, at least zero; a year where there is none. To within some
  // milliseconds.
  duration time_left() const;

  // Its id, which a trusted proxy gave in X-Request-Id or which is made now, and the trace of its
  // traceparent or a new one. Once it was asked for, the answer tells the id in X-Request-Id.
  const request_context& context() const;

  std::string_view body() const { return body_; }  // whole, with any chunked coding removed

 private:
  friend struct http::request_access;
  const header_line* headers_ = nullptr;
  std::size_t header_count_ = 0;
  std::string_view method_name_{}, target_{}, body_{};
  std::size_t path_length_ = 0;
  aft::method method_ = aft::method::get;
  std::uint8_t minor_version_ = 1;
  const void* client_ = nullptr;            // http::client_of
  const std::int64_t* deadline_ = nullptr;  // call::deadline; null: none
  detail::context_source* source_ = nullptr;
  void* visitor_ = nullptr;  // call::visitor
};

// A response in the host's own words, where a value is not enough.
struct response {
  int status = 200;
  std::string body{};
  std::string content_type = "text/plain; charset=utf-8";      // empty: none is sent
  std::vector<std::pair<std::string, std::string>> headers{};  // a line break in one is an error
};

inline response html(std::string page) {
  return {200, std::move(page), "text/html; charset=utf-8"};
}
response redirect(std::string location, int status = 303);

}  // namespace aft
