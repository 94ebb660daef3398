#include "parser.hpp"

#include <cstring>

#include "access.hpp"
#include "letters.hpp"
#include "scan.hpp"

namespace aft::http {
namespace {

method find_method(std::string_view name) {
  switch (name.size()) {
    case 3:
      if (name == "GET") return method::get;
      if (name == "PUT") return method::put;
      break;
    case 4:
      if (name == "POST") return method::post;
      if (name == "HEAD") return method::head;
      break;
    case 5:
      if (name == "PATCH") return method::patch;
      if (name == "TRACE") return method::trace;
      if (name == "QUERY") return method::query;
      break;
    case 6:
      if (name == "DELETE") return method::del;
      break;
    case 7:
      if (name == "OPTIONS") return method::options;
      break;
    default: break;
  }
  return method::other;
}

// Of a URL without a path; with what split_path may read after it.
constexpr char root_letters[32] = "/";
constexpr std::string_view root_target{root_letters, 1};

parse_result refuse(int status, const char* why) { return {parse_status::refused, 0, status, why}; }
constexpr parse_result incomplete{parse_status::incomplete, 0, 0, nullptr};

bool is_host(std::string_view host) {
  for (char c : host) {
    if (!host_letters[static_cast<unsigned char>(c)]) return false;
  }
  return true;
}

// RFC 9112 section 3.2. Leaves the path and query in head.target.
const char* read_target(request_head& head) {
  auto& target = head.target;
  if (target.front() != '/') {
    if (target == "*") {
      head.path_length = 1;
      return head.method == method::options ? nullptr : "only OPTIONS may ask for *";
    }
    std::size_t scheme = 0;
    for (std::string_view known_scheme : {"http://", "https://"}) {
      if (target.size() >= known_scheme.size() &&
          equal_ignoring_case(target.substr(0, known_scheme.size()), known_scheme)) {
        scheme = known_scheme.size();
      }
    }
    if (!scheme) return "a request target is a path, a URL or *";
    const auto rest = target.substr(scheme);
    const auto slash = rest.find_first_of("/?");
    head.authority = rest.substr(0, slash);
    if (head.authority.empty() || !is_host(head.authority)) return "a URL without a valid host";
    if (slash == rest.npos) {
      target = root_target;
    } else if (rest[slash] == '?') {
      return "a URL without a path";
    } else {
      target = rest.substr(slash);
    }
  }
  const auto question = static_cast<const char*>(std::memchr(target.data(), '?', target.size()));
  head.path_length = question ? std::size_t(question - target.data()) : target.size();
  return nullptr;
}

// A list of tokens.
void note_connection(request_head& head, std::string_view value) {
  while (!value.empty()) {
    const auto comma = value.find(',');
    const auto token = without_blanks(value.substr(0, comma));
    value = comma == value.npos ? std::string_view() : value.substr(comma + 1);
    if (equal_ignoring_case(token, "close")) head.closes = true;
    else if (equal_ignoring_case(token, "keep-alive")) head.keep_alive = true;
    else if (equal_ignoring_case(token, "upgrade")) head.upgrades = true;
  }
}

// What one header means to the framing; null, or why it is refused.
const char* note_header(request_head& head, std::string_view name, std::string_view value) {
  auto note = [&](known h) {
    auto& place = head.index[std::size_t(h)];
    if (!place) place = std::uint8_t(head.line_count);
  };
  const char* s = name.data();
  switch (name.size()) {
    case 4:
      if (same_word(s, "host")) {
        if (head.has(known::host)) return "more than one Host";
        note(known::host);
      }
      break;
    case 6:
      if (same_word(s, "cookie")) note(known::cookie);
      else if (same_word(s, "origin")) note(known::origin);
      else if (same_word(s, "expect")) note(known::expect);
      break;
    case 7:
      if (same_word(s, "upgrade")) note(known::upgrade);
      break;
    case 10:
      if (same_word(s, "connection")) {
        note(known::connection);
        if (value.size() == 10 && same_word(value.data(), "keep-alive")) head.keep_alive = true;
        else note_connection(head, value);
      }
      break;
    case 12:
      if (same_word(s, "content-type")) note(known::content_type);
      break;
    case 13:
      if (same_word(s, "authorization")) note(known::authorization);
      break;
    case 14:
      if (same_word(s, "sec-fetch-site")) note(known::sec_fetch_site);
      else if (same_word(s, "content-length")) {
        if (head.has_content_length) return "more than one Content-Length";
        if (value.empty() || value.size() > 18) return "a Content-Length that is no length";
        std::uint64_t length = 0;
        for (char c : value) {
          if (c < '0' || c > '9') return "a Content-Length that is no length";
          length = length * 10 + std::uint64_t(c - '0');
        }
        head.content_length = length;
        head.has_content_length = true;
        note(known::content_length);
      }
      break;
    case 16:
      if (same_word(s, "content-encoding")) note(known::content_encoding);
      break;
    case 17:
      if (same_word(s, "transfer-encoding")) {
        if (head.chunked) return "more than one Transfer-Encoding";
        if (!equal_ignoring_case(value, "chunked")) return "a Transfer-Encoding other than chunked";
        head.chunked = true;
        note(known::transfer_encoding);
      }
      break;
    default: break;
  }
  return nullptr;
}

// What holds only for all headers together.
parse_result check_whole(request_head& head, std::size_t size) {
  if (head.chunked && head.has_content_length) {
    return refuse(400, "both Content-Length and Transfer-Encoding");
  }
  if (head.minor_version == 0 && head.chunked) {
    return refuse(400, "Transfer-Encoding in HTTP/1.0");
  }
  if (!head.has(known::host)) {
    if (head.minor_version != 0) return refuse(400, "no Host");
  } else if (!is_host(head.value(known::host))) {
    return refuse(400, "a malformed Host");
  } else if (head.value(known::host).empty() && head.authority.empty()) {
    return refuse(400, "an empty Host");
  }
  if (head.has(known::expect)) {
    if (!equal_ignoring_case(head.value(known::expect), "100-continue")) {
      return refuse(417, "an Expect other than 100-continue");
    }
    head.expects_continue = head.minor_version != 0 && head.has_body();
  }
  if (!head.has(known::upgrade)) head.upgrades = false;
  if (head.closes) head.keep_alive = false;
  return {parse_status::complete, size, 0, nullptr};
}

}  // namespace

parse_result parse_new_head(char* const begin, char* const end, request_head& head,
                            const parse_limits& limits, last_head& last) {
  // The fence: every scan below stops at it at the latest.
  end[0] = '\r';
  end[1] = '\0';
  last.forget_request_line();
  char* p = begin;
  while (p < end && p - begin < 4 && p[0] == '\r' && p[1] == '\n') p += 2;  // RFC 9112 section 2.2
  if (p - begin < 4 && *p == '\r' && p + 1 >= end) return incomplete;

  char* s = p;
  if (load<std::uint32_t>(p) == load<std::uint32_t>("GET ")) {
    p += 3;
    head.method = method::get;
  } else {
    while (token_letters[static_cast<unsigned char>(*p)]) ++p;
    if (p >= end) return p - s > 32 ? refuse(400, "an overlong method") : incomplete;
    if (*p != ' ' || p == s || p - s > 32) return refuse(400, "no request line");
    head.method = find_method({s, std::size_t(p - s)});
  }
  head.method_name = {s, std::size_t(p - s)};

  s = ++p;
  p = skip_target(p);
  if (std::size_t(p - s) > limits.max_target) return refuse(414, "a longer target than allowed");
  if (p >= end) return incomplete;
  if (*p != ' ' || p == s) return refuse(400, "a malformed request target");
  head.target = {s, std::size_t(p - s)};
  ++p;

  if (end - p < 10) {
    return std::string_view("HTTP/1.").starts_with(
               std::string_view(p, std::size_t(end - p)).substr(0, 7))
               ? incomplete
               : refuse(400, "no request line");
  }
  if (load<std::uint64_t>(p) == load<std::uint64_t>("HTTP/1.1") && p[8] == '\r' && p[9] == '\n') {
    head.minor_version = 1;
  } else {
    if (std::memcmp(p, "HTTP/", 5) != 0 || p[6] != '.' || p[8] != '\r' || p[9] != '\n' ||
        p[5] < '0' || p[5] > '9' || p[7] < '0' || p[7] > '9') {
      return refuse(400, "no request line");
    }
    if (p[5] != '1') return refuse(505, "a version other than HTTP/1");
    head.minor_version = p[7] == '0' ? 0 : 1;  // a higher minor version means 1.1 to us
  }
  p += 10;

  head.authority = {};
  if (const char* why = read_target(head)) return refuse(400, why);

  char* const lines = p;
  if (last.recall_lines(head, lines, end)) {
    if (head.authority.empty()) last.remember_request_line(begin, lines);
    else if (limits.access) head.access = limits.access->judge(head);
    return {parse_status::complete, std::size_t(lines - begin) + last.lines_size(), 0, nullptr};
  }
  last.forget();
  static_cast<framing&>(head) = framing{};
  head.keep_alive = head.minor_version != 0;
  head.line_count = 0;
  while (true) {
    if (*p == '\r') {
      if (p + 1 >= end) return incomplete;
      if (p[1] != '\n') return refuse(400, "a line that does not end in CRLF");
      const auto whole = check_whole(head, std::size_t(p + 2 - begin));
      if (whole.status == parse_status::complete) {
        if (limits.access) head.access = limits.access->judge(head);
        if (head.authority.empty()) last.remember_lines(head, lines, p + 2);
      }
      return whole;
    }
    if (head.line_count >= limits.max_headers) return refuse(431, "more headers than allowed");
    s = p;
    p = skip_name(p);
    if (p >= end) return incomplete;
    if (*p != ':' || p == s) return refuse(400, "a malformed header name");
    const std::string_view name{s, std::size_t(p - s)};

    ++p;
    while (*p == ' ' || *p == '\t') ++p;
    s = p;
    p = skip_value(p);
    if (p + 1 >= end) return incomplete;
    if (p[0] != '\r' || p[1] != '\n') return refuse(400, "a malformed header value");
    const char* value_end = p;
    while (value_end > s && (value_end[-1] == ' ' || value_end[-1] == '\t')) --value_end;
    const std::string_view value{s, std::size_t(value_end - s)};
    p += 2;

    head.lines[head.line_count++] = {name, value};
    if (const char* why = note_header(head, name, value)) {
      const bool unknown_coding = name.size() == 17 && !head.chunked;
      return refuse(unknown_coding ? 501 : 400, why);
    }
  }
}

bool last_head::recall_lines(request_head& head, char* begin, const char* end) {
  if (head_ != &head || std::size_t(end - begin) < lines_size_ ||
      head.minor_version != minor_version_ || std::memcmp(begin, lines(), lines_size_) != 0) {
    return false;
  }
  point_to(head, begin);
  return true;
}

void last_head::remember_lines(const request_head& head, const char* begin, const char* end) {
  const auto size = std::size_t(end - begin);
  if (size > max_lines || (++misses_ > patience && misses_ % patience)) return;
  std::memcpy(lines(), begin, size);
  lines_size_ = size;
  head_ = &head;
  begin_ = begin;
  minor_version_ = head.minor_version;
  framing_ = head;
}

// Only of one that begins with the method and whose target is a path, so that all places in it
// follow from the sizes.
void last_head::remember_request_line(const char* begin, const char* end) {
  const auto size = std::size_t(end - begin);
  if (size > max_request_line || *begin == '\r') return;
  std::memcpy(lines() - size, begin, size);
  request_line_size_ = size;
}

void rebase(request_head& head, const char* from, const char* to) {
  auto move = [&](std::string_view& view) { view = {to + (view.data() - from), view.size()}; };
  move(head.method_name);
  if (head.target.data() != root_target.data()) move(head.target);
  if (!head.authority.empty()) move(head.authority);
  for (std::size_t i = 0; i < head.line_count; ++i) {
    move(head.lines[i].name);
    move(head.lines[i].value);
  }
}

}  // namespace aft::http
