#pragma once
// One attempt: a request sent, and its answer received.

#include <cstddef>
#include <exception>
#include <optional>
#include <string>

#include <aft/client/http_client.hpp>

#include "addresses.hpp"
#include "curl.hpp"

namespace aft::client {

// A URL that may be asked.
struct target {
  std::string url;
  std::string server;  // "https://example.org:443"
  std::string host;
  std::string port;
};

// Nothing where it is no URL of http or https, or carries a name or password. Throws error where
// memory is short.
std::optional<target> read_target(const std::string& url, bool https_only);

bool is_idempotent(const http_request& r);

class exchange {
 public:
  exchange(curl_handle& handle, const http_client_options& options,
           const allowed_addresses& addresses, const http_request& request, const target& to)
      : handle_(handle), options_(options), addresses_(addresses), request_(request), to_(to) {}

  // On a connection of its own where `fresh`.
  result<http_response, http_failure> run(duration limit, bool fresh);

  bool was_sent() const { return was_sent_; }       // perhaps not all of it
  bool was_received() const { return was_given_; }  // by the host, in part

 private:
  void set_up(duration limit, bool fresh);
  void set_up_method();
  void set_up_lines();
  void set_up_tls();
  void set_up_network();
  http_failure explain(CURLcode code) const;

  void take_line(std::string_view line);
  bool take_body(std::string_view bytes);
  curl_socket_t open_socket(const curl_sockaddr& where);
  template <class F>
  std::size_t guarded(std::size_t size, F&& take);

  curl_handle& handle_;
  const http_client_options& options_;
  const allowed_addresses& addresses_;
  const http_request& request_;
  const target& to_;

  string_list lines_{}, hosts_{};
  char why_[CURL_ERROR_SIZE] = "";
  http_response answer_{};
  std::size_t header_bytes_ = 0, body_bytes_ = 0;
  std::exception_ptr thrown_{};
  std::optional<http_failure::reason> stopped_{};
  bool refused_address_ = false, was_sent_ = false, was_given_ = false;
};

}  // namespace aft::client
