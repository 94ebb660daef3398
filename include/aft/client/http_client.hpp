#pragma once
// Asks other servers, over HTTP/1.1 or 2.
//
//   const aft::http_client web;
//   auto answer = web.get("https://api.example/rates");
//   if (!answer) return aft::problem{502, std::string(to_string(answer.reason().why))};
//   if (answer->ok()) use(answer->json<rates>());

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aft/ground/clock.hpp>
#include <aft/ground/function.hpp>
#include <aft/ground/json.hpp>
#include <aft/ground/result.hpp>
#include <aft/ground/time.hpp>

namespace aft {

using header_list = std::vector<std::pair<std::string, std::string>>;

struct http_request {
  std::string method = "GET";
  std::string url{};  // "https://..." or "http://..."; of one without a host: bad_url
  header_list headers{};
  std::string body{};
  // Whether it may be sent a second time: GET, HEAD, PUT, DELETE, OPTIONS may, others where this is
  // set, because they carry an Idempotency-Key, say.
  bool idempotent = false;

  duration timeout{};                          // instead of http_client_options::timeout
  std::optional<int> retries{};                // instead of http_client_options::retries
  std::size_t max_body_bytes = 0;              // instead of http_client_options::max_body_bytes
  function<bool(std::string_view)> receive{};  // see below
  function<bool()> cancelled{};                // see below
};
// `receive` takes the body of a 2xx answer in pieces as they come, instead of http_response::body,
// and without a limit where the request has none of its own; false ends it (cancelled). An answer
// that has begun to be received is not asked for again. `cancelled` is asked several times a
// second: true ends the call. Both are called on the caller's thread; what they throw goes on to
// the caller.

struct http_response {
  int status = 0;
  header_list headers{};  // as the server spelt them
  std::string body{};     // without its codings (gzip, br, zstd)
  int attempts = 1;

  bool ok() const { return status >= 200 && status < 300; }
  std::optional<std::string_view> header(std::string_view name) const;  // the first of that name

  // What Retry-After asks for, a number of seconds or a date: at least zero, at most a year.
  std::optional<duration> retry_after(time_point now) const;

  // The body as a value. Members that T does not have are let be: the document is another's.
  template <class T>
  result<T, field_errors> json(json::read_options options = {.ignore_unknown = true}) const {
    return json::read<T>(body, options);
  }
};

// Why there is no answer. An answer of whatever status is one.
struct http_failure {
  enum class reason : std::uint8_t {
    bad_url,          // no http or https URL, or with a password in it
    refused_address,  // the server is at none that http_client_options::addresses allows
    unknown_host,     // its name has no address
    cannot_connect,
    tls,        // it cannot prove to be who it should be, or speaks no TLS 1.2 or later
    timed_out,  // an attempt, or all of the call; or the deadline of the route or job has passed
    broken,     // the connection ended before the answer did, or that was no HTTP
    too_large,  // the answer, for max_body_bytes or max_header_bytes
    too_many_redirects,  // for max_redirects, where that is not 0
    cancelled,
    circuit_open,  // that server has failed often lately, and was not asked
    busy,          // no room among max_concurrent until the time was up
  };
  reason why = reason::broken;
  std::string detail{};  // one sentence, for the log: it may name the host, never a secret
  int attempts = 0;      // that were begun
};

std::string_view to_string(http_failure::reason);

enum class address_policy : std::uint8_t {
  any,
  // Those of the open internet alone: no loopback, private, link-local, shared or reserved ones, on
  // IPv4, IPv6 or the one within the other. Asked of the address that is connected to, so what a
  // name means to others does not matter. For URLs that come from strangers.
  open_internet,
};

struct http_client_options {
  duration timeout = seconds(30);          // of a call with all its attempts
  duration attempt_timeout = seconds(10);  // of one
  duration connect_timeout = seconds(5);   // with the look-up of the name, and TLS

  // Attempts after the first, of what may be sent again: where there was no answer, and for 408,
  // 429, 500, 502, 503 and 504. A connection that could not be made is tried again in any case.
  int retries = 2;
  // Before the first retry; twice as long before each further one, and by chance up to a half less.
  // A Retry-After counts where it is longer; if there is no time for it, the answer is given as it
  // is.
  duration backoff = milliseconds(500);

  // Calls at once; others wait, within their time.
  std::size_t max_concurrent = 128;
  std::size_t max_concurrent_per_host = 32;

  // A server (scheme, host and port) of whose last calls within `window` so many failed, by having
  // no answer or a 5xx one, is not asked for `open` any more; then one call tries it.
  struct breaker_options {
    int least_calls = 10;  // 0: no breaker
    int percent = 50;
    duration window = seconds(30);
    duration open = seconds(5);
  } breaker{};

  std::size_t max_body_bytes = 8 << 20;     // of an answer, without its coding
  std::size_t max_header_bytes = 64 << 10;  // of all lines
  int max_redirects = 0;  // followed for GET and HEAD alone, never from https to http
  address_policy addresses = address_policy::any;
  std::vector<std::string> also_allowed{};  // networks beside those of the policy: "10.1.0.0/16"
  bool https_only = false;                  // http:// is bad_url

  std::string authorities{};  // a file of PEM certificates; empty: the system's
  std::string certificate{};  // of the client, PEM files
  std::string key{};
  bool unsafe_accept_any_certificate = false;

  std::string proxy{};                  // "http://proxy.example:3128"; empty: none
  bool proxy_from_environment = false;  // http_proxy, https_proxy, no_proxy
  // Names and their addresses, as in /etc/hosts.
  std::vector<std::pair<std::string, std::string>> hosts{};
  std::size_t max_idle_connections = 32;  // kept for the next call, for a minute

  std::string user_agent = "aft";
  // Tells the trace of the current request or job, where there is one and no such header yet.
  bool traceparent = true;
  // Called with each request before its first attempt, for lines that all have; any thread.
  function<void(http_request&)> prepare{};
  const clock* time = nullptr;  // of the breaker, and of dates in Retry-After; null: the system's
  function<void(duration)> pause{};  // instead of waiting between attempts, in tests
};

// Connections are kept and used again, for what may be sent twice: others get a new one each,
// because a server that closes a kept one leaves open whether it has seen the request. Nothing is
// read from the environment; there are no cookies. Any thread.
class http_client {
 public:
  http_client() : http_client(http_client_options{}) {}
  explicit http_client(http_client_options options);  // throws configuration_error
  http_client(const http_client&) = delete;
  http_client& operator=(const http_client&) = delete;
  ~http_client();  // after the last call has returned

  // Waits for the answer, at most until the deadline of the route whose handler this is, or the
  // timeout of the job. Throws aft::error on an event loop and inside a transaction: make the
  // handler aft::blocking, or do it in a job. Throws it too for a method or header that is none.
  result<http_response, http_failure> send(http_request request) const;

  // Whether a URL is one that send() would not refuse as bad_url.
  bool may_ask(const std::string& url) const;

  result<http_response, http_failure> get(std::string url, http_request rest = {}) const;
  result<http_response, http_failure> del(std::string url, http_request rest = {}) const;

  // With the value as JSON.
  template <class T>
  result<http_response, http_failure> post(std::string url, const T& value,
                                           http_request rest = {}) const {
    return send_json("POST", std::move(url), json::write(value), std::move(rest));
  }
  template <class T>
  result<http_response, http_failure> put(std::string url, const T& value,
                                          http_request rest = {}) const {
    return send_json("PUT", std::move(url), json::write(value), std::move(rest));
  }
  template <class T>
  result<http_response, http_failure> patch(std::string url, const T& value,
                                            http_request rest = {}) const {
    return send_json("PATCH", std::move(url), json::write(value), std::move(rest));
  }

 private:
  result<http_response, http_failure> send_json(const char* method, std::string&& url,
                                                std::string&& body, http_request&& rest) const;

  class impl;
  impl* impl_;
};

}  // namespace aft
