#pragma once
// The head of a request, as the parser leaves it: views into the bytes that were parsed.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <aft/http/message.hpp>

namespace aft::http {

// Headers that the library itself looks at; the parser finds them on its way.
enum class known : std::uint8_t {
  host,
  connection,
  content_length,
  transfer_encoding,
  expect,
  upgrade,
  content_type,
  content_encoding,
  cookie,
  authorization,
  origin,
  sec_fetch_site,
  count,
};

// Who calls, see aft/http/access.hpp.
enum class access_verdict : std::uint8_t {
  own,             // a program, or a page of this server
  known_origin,    // a page that may call, and read the answer
  foreign_origin,  // another page
  wrong_host,      // under a name that is not ours
};

// What the header lines mean to the library; all of it follows from their bytes.
struct framing {
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  bool closes = false;  // says so
  bool has_content_length = false;
  bool chunked = false;
  bool expects_continue = false;
  bool upgrades = false;
  access_verdict access = access_verdict::own;
  std::uint8_t index[std::size_t(known::count)]{};  // one more than the place in lines; 0: absent
};

struct request_head : framing {
  static constexpr std::size_t max_headers = 100;

  std::string_view method_name{}, target{};
  std::string_view authority{};  // of a target in absolute form
  std::size_t path_length = 0;   // of the target
  aft::method method = method::get;
  std::uint8_t minor_version = 1;
  bool is_repeated = false;  // the same bytes as those it held before
  std::size_t line_count = 0;
  header_line lines[max_headers];

  bool has_body() const { return chunked || content_length > 0; }
  bool has(known h) const { return index[std::size_t(h)] != 0; }
  std::string_view value(known h) const {
    const auto at = index[std::size_t(h)];
    return at ? lines[at - 1].value : std::string_view();
  }
};

// After the bytes have moved from one place to another.
void rebase(request_head& head, const char* from, const char* to);

struct client_of;

struct request_access {
  static void set_client(request& r, const client_of* client) { r.client_ = client; }
  static const client_of* client(const request& r) {
    return static_cast<const client_of*>(r.client_);
  }
  static void set_source(request& r, aft::detail::context_source* s) { r.source_ = s; }
  static void set_visitor(request& r, std::shared_ptr<const void>* place) { r.visitor_ = place; }
  static std::shared_ptr<const void>* visitor(const request& r) {
    return static_cast<std::shared_ptr<const void>*>(r.visitor_);
  }
  static void set_deadline(request& r, const std::int64_t* at) { r.deadline_ = at; }
  // To a head with the same bytes at another place, and without a body.
  static void bind_again(request& r, const request_head& head) {
    r.method_name_ = {head.method_name.data(), r.method_name_.size()};
    r.target_ = {head.target.data(), r.target_.size()};
    r.body_ = {};
  }
  static void bind(request& r, const request_head& head, std::string_view body) {
    r.headers_ = head.lines;
    r.header_count_ = head.line_count;
    r.method_name_ = head.method_name;
    r.target_ = head.target;
    r.path_length_ = head.path_length;
    r.method_ = head.method;
    r.minor_version_ = head.minor_version;
    r.body_ = body;
  }
};

}  // namespace aft::http
