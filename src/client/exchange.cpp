#include "exchange.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "../http/letters.hpp"

namespace aft::client {
namespace {

using reason = http_failure::reason;

constexpr std::size_t longest_url = 8192;

std::string part_of(CURLU* url, CURLUPart what) {
  char* text = nullptr;
  if (curl_url_get(url, what, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

std::optional<http::ip_address> address_of(const curl_sockaddr& where) {
  http::ip_address a = *http::ip_address::parse("0.0.0.0");
  if (where.family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &where.addr, sizeof in);
    std::memcpy(a.bytes.data() + 12, &in.sin_addr, 4);
    return a;
  }
  if (where.family == AF_INET6) {
    sockaddr_in6 in;
    std::memcpy(&in, &where.addr, std::min<std::size_t>(sizeof in, where.addrlen));
    std::memcpy(a.bytes.data(), &in.sin6_addr, 16);
    return a;
  }
  return {};
}

bool may_be_sent_again(const std::string& method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" ||
         method == "OPTIONS";
}

}  // namespace

std::optional<target> read_target(const std::string& url, bool https_only) {
  if (url.size() > longest_url || url.find('\0') != url.npos) return {};
  const url_handle parsed(curl_url());
  if (!parsed) throw std::bad_alloc();
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(),
                   CURLU_DISALLOW_USER | CURLU_URLENCODE) != CURLUE_OK) {
    return {};
  }
  const auto scheme = part_of(parsed.get(), CURLUPART_SCHEME);
  if (scheme != "https" && (https_only || scheme != "http")) return {};
  target t{part_of(parsed.get(), CURLUPART_URL),
           {},
           part_of(parsed.get(), CURLUPART_HOST),
           part_of(parsed.get(), CURLUPART_PORT)};
  std::transform(t.host.begin(), t.host.end(), t.host.begin(), http::lower);
  if (t.host.empty()) return {};
  t.server = scheme + "://" + t.host + ":" + t.port;
  return t;
}

bool is_idempotent(const http_request& r) { return r.idempotent || may_be_sent_again(r.method); }

template <class F>
std::size_t exchange::guarded(std::size_t size, F&& take) {
  try {
    return take() ? size : 0;
  } catch (...) {
    thrown_ = std::current_exception();
    return 0;
  }
}

void exchange::take_line(std::string_view line) {
  header_bytes_ += line.size();
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {  // of an answer after a 100, or after a redirect
    answer_.headers.clear();
    const auto space = line.find(' ');
    answer_.status = 0;
    for (auto at = space + 1; space != line.npos && at < line.size() && at < space + 4; ++at) {
      if (line[at] >= '0' && line[at] <= '9')
        answer_.status = answer_.status * 10 + (line[at] - '0');
    }
    return;
  }
  const auto colon = line.find(':');
  if (colon == line.npos) return;
  answer_.headers.emplace_back(line.substr(0, colon), http::without_blanks(line.substr(colon + 1)));
}

bool exchange::take_body(std::string_view bytes) {
  const bool streams = request_.receive && answer_.ok();
  body_bytes_ += bytes.size();
  const auto most = request_.max_body_bytes ? request_.max_body_bytes
                    : streams               ? SIZE_MAX
                                            : options_.max_body_bytes;
  if (body_bytes_ > most) {
    stopped_ = reason::too_large;
    return false;
  }
  if (!streams) {
    answer_.body.append(bytes);
    return true;
  }
  was_given_ = true;
  if (request_.receive(bytes)) return true;
  stopped_ = reason::cancelled;
  return false;
}

curl_socket_t exchange::open_socket(const curl_sockaddr& where) {
  const auto address = address_of(where);
  if (!address || !addresses_.allows(*address)) {
    refused_address_ = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(where.family, where.socktype | SOCK_CLOEXEC, where.protocol);
}

void exchange::set_up_method() {
  const auto& method = request_.method;
  const bool has_body = !request_.body.empty();
  if (method == "HEAD") {
    handle_.set(CURLOPT_NOBODY, 1L);
  } else if (has_body || method == "POST" || method == "PUT" || method == "PATCH") {
    handle_.set(CURLOPT_POST, 1L);
    handle_.set(CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(request_.body.size()));
    handle_.set(CURLOPT_POSTFIELDS, request_.body.c_str());
    if (method != "POST") handle_.set(CURLOPT_CUSTOMREQUEST, method);
  } else {
    handle_.set(CURLOPT_HTTPGET, 1L);
    if (method != "GET") handle_.set(CURLOPT_CUSTOMREQUEST, method);
  }
  if (options_.max_redirects > 0 && (method == "GET" || method == "HEAD")) {
    handle_.set(CURLOPT_FOLLOWLOCATION, 1L);
    handle_.set(CURLOPT_MAXREDIRS, long(options_.max_redirects));
  }
}

void exchange::set_up_lines() {
  bool has_type = false;
  for (const auto& [name, value] : request_.headers) {
    has_type |= equal_ignoring_case(name, "Content-Type");
    lines_.add(value.empty() ? name + ";" : name + ": " + value);
  }
  if (!has_type) lines_.add("Content-Type:");  // libcurl would say that it is a form
  lines_.add("Expect:");
  handle_.set(CURLOPT_HTTPHEADER, lines_.get());
  handle_.set(CURLOPT_USERAGENT, options_.user_agent);
  handle_.set(CURLOPT_ACCEPT_ENCODING, "");  // all that libcurl knows
}

void exchange::set_up_tls() {
  handle_.set(CURLOPT_SSLVERSION, long(CURL_SSLVERSION_TLSv1_2));
  handle_.set(CURLOPT_SSL_VERIFYPEER, options_.unsafe_accept_any_certificate ? 0L : 1L);
  handle_.set(CURLOPT_SSL_VERIFYHOST, options_.unsafe_accept_any_certificate ? 0L : 2L);
  if (!options_.authorities.empty()) handle_.set(CURLOPT_CAINFO, options_.authorities);
  if (!options_.authorities.empty()) handle_.set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
  if (!options_.certificate.empty()) handle_.set(CURLOPT_SSLCERT, options_.certificate);
  if (!options_.key.empty()) handle_.set(CURLOPT_SSLKEY, options_.key);
}

void exchange::set_up_network() {
  handle_.set(CURLOPT_NOSIGNAL, 1L);
  const bool secure = to_.url.starts_with("https");
  handle_.set(CURLOPT_PROTOCOLS_STR, "http,https");
  handle_.set(CURLOPT_REDIR_PROTOCOLS_STR, secure || options_.https_only ? "https" : "http,https");
  if (!options_.proxy_from_environment) {
    handle_.set(CURLOPT_PROXY, options_.proxy);
    handle_.set(CURLOPT_NOPROXY, "");
  }
  handle_.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  for (const auto& [host, address] : options_.hosts) {
    const bool v6 = address.find(':') != address.npos;
    hosts_.add(host + ":" + to_.port + ":" + (v6 ? "[" + address + "]" : address));
  }
  if (hosts_.get()) handle_.set(CURLOPT_RESOLVE, hosts_.get());
  if (addresses_.all()) return;
  handle_.set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
  handle_.set(
      CURLOPT_OPENSOCKETFUNCTION,
      +[](void* self, curlsocktype, curl_sockaddr* where) -> curl_socket_t {
        return static_cast<exchange*>(self)->open_socket(*where);
      });
}

void exchange::set_up(duration limit, bool fresh) {
  curl_easy_reset(handle_.easy());
  handle_.set(CURLOPT_ERRORBUFFER, why_);
  handle_.set(CURLOPT_URL, to_.url);
  handle_.set(CURLOPT_HTTP_VERSION, long(CURL_HTTP_VERSION_2TLS));
  const auto milliseconds = [](duration d) {
    return long(std::max<std::int64_t>(d.in_milliseconds(), 1));
  };
  handle_.set(CURLOPT_TIMEOUT_MS, milliseconds(limit));
  handle_.set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(std::min(limit, options_.connect_timeout)));
#if LIBCURL_VERSION_NUM >= 0x075700
  handle_.set(CURLOPT_QUICK_EXIT, 1L);  // a look-up that hangs is not waited for
#endif
  if (fresh) handle_.set(CURLOPT_FRESH_CONNECT, 1L);
  const auto most = request_.max_body_bytes ? request_.max_body_bytes
                    : request_.receive      ? 0
                                            : options_.max_body_bytes;
  if (most) handle_.set(CURLOPT_MAXFILESIZE_LARGE, curl_off_t(most));
  set_up_method();
  set_up_lines();
  set_up_tls();
  set_up_network();
  handle_.set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  handle_.set(
      CURLOPT_HEADERFUNCTION,
      +[](char* bytes, std::size_t, std::size_t size, void* p) -> std::size_t {
        auto& self = *static_cast<exchange*>(p);
        return self.guarded(size, [&self, bytes, size] {
          self.take_line({bytes, size});
          if (self.header_bytes_ <= self.options_.max_header_bytes) return true;
          self.stopped_ = reason::too_large;
          return false;
        });
      });
  handle_.set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  handle_.set(
      CURLOPT_WRITEFUNCTION,
      +[](char* bytes, std::size_t, std::size_t size, void* p) -> std::size_t {
        auto& self = *static_cast<exchange*>(p);
        return self.guarded(size, [&self, bytes, size] { return self.take_body({bytes, size}); });
      });
}

http_failure exchange::explain(CURLcode code) const {
  const auto said = *why_ ? std::string(why_) : std::string(curl_easy_strerror(code));
  const auto because = [&said](reason r) { return http_failure{r, said}; };
  if (stopped_ == reason::too_large) return {reason::too_large, "the answer is too large"};
  if (stopped_) return {*stopped_, "the receiver wanted no more"};
  switch (code) {
    case CURLE_URL_MALFORMAT: return because(reason::bad_url);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return because(reason::unknown_host);
    case CURLE_COULDNT_CONNECT:
      if (refused_address_) {
        return {reason::refused_address, to_.host + " is at an address that is not allowed"};
      }
      return because(reason::cannot_connect);
    case CURLE_OPERATION_TIMEDOUT: return because(reason::timed_out);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR: return because(reason::tls);
    case CURLE_FILESIZE_EXCEEDED: return because(reason::too_large);
    case CURLE_TOO_MANY_REDIRECTS: return because(reason::too_many_redirects);
    case CURLE_ABORTED_BY_CALLBACK: return {reason::cancelled, "the call was cancelled"};
    default: return because(reason::broken);
  }
}

result<http_response, http_failure> exchange::run(duration limit, bool fresh) {
  set_up(limit, fresh);
  const auto code = handle_.perform(request_.cancelled);
  was_sent_ = handle_.info<curl_off_t>(CURLINFO_PRETRANSFER_TIME_T) > 0;
  curl_easy_setopt(handle_.easy(), CURLOPT_ERRORBUFFER, nullptr);
  if (thrown_) std::rethrow_exception(thrown_);
  if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLE_OK) return explain(code);
  return std::move(answer_);
}

}  // namespace aft::client
