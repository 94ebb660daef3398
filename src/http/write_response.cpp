#include <charconv>
#include <cstring>

#include "http_date.hpp"
#include "session.hpp"

namespace aft::http {
namespace {

template <std::size_t Size>
char* put(char* to, const char (&text)[Size]) {
  std::memcpy(to, text, Size - 1);
  return to + Size - 1;
}
char* put(char* to, std::string_view text) {
  if (text.empty()) return to;
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

constexpr std::size_t longest_reason = 40;
constexpr char text_lines[] =
    "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"
    "Content-Length: ";
constexpr char json_lines[] =
    "Content-Type: application/json\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ";

// A length mostly has few digits.
inline char* put_number(char* to, std::uint64_t number) {
  if (number >= 100) return std::to_chars(to, to + 20, number).ptr;
  const auto small = unsigned(number), tens = small / 10;
  if (tens) *to++ = char('0' + tens);
  *to++ = char('0' + small - 10 * tens);
  return to;
}

// So many conditions lie before it that the compiler would take it for rare, and write it small.
template <std::size_t Size>
[[gnu::hot, gnu::noinline]] char* put_usual(const session_host& host, const char (&lines)[Size],
                                            std::string_view content, char* to) {
  std::memcpy(to, host.ok_head, sizeof host.ok_head - 1);
  to = put(to + sizeof host.ok_head - 1, lines);
  to = put(put_number(to, content.size()), "\r\n\r\n");
  std::memcpy(to, content.data(), content.size());
  return to + content.size();
}

// What the policy of access adds to an answer.
void add_access_lines(const access_policy& access, const call& c, buffer& lines) {
  lines.append(access.for_every_answer());
  if (c.head.access != access_verdict::known_origin) return;
  lines.append("Access-Control-Allow-Origin: ");
  lines.append(c.head.value(known::origin));
  lines.append("\r\n");
  lines.append(access.for_origins());
}

// Unless the handler has a word of its own.
void add_hsts_line(const session_host& host, const call& c, buffer& lines) {
  constexpr std::string_view name = "Strict-Transport-Security: ";
  const auto* client = request_access::client(c.incoming);
  if (!client || !client->secure || lines.view().find(name) != std::string_view::npos) return;
  lines.append(name);
  lines.append(host.hsts);
  lines.append("\r\n");
}

// Unless the handler has an id of its own.
void add_id_line(call& c, buffer& lines) {
  constexpr std::string_view name = "X-Request-Id: ";
  if (lines.view().find(name) != std::string_view::npos) return;
  lines.append(name);
  lines.append(c.origin.get().request_id);
  lines.append("\r\n");
}

}  // namespace

void session_host::set_date(std::int64_t unix_seconds) {
  if (unix_seconds == second_) return;
  second_ = unix_seconds;
  adds_nothing_ = hsts.empty() && routes.adds_nothing();
  write_http_date(date_line + 6, unix_seconds);
  std::memcpy(ok_head + 17, date_line, date_line_size);
}

bool write_usual_response(const session_host& host, const call& c, buffer& out) {
  const auto& answer = c.answer;
  const bool is_text = answer.content_type.data() == text_type.data();
  if (answer.status != 200 || !(is_text || answer.content_type.data() == json_type.data()) ||
      !answer.is_plain() || host.compressing.concerns(answer) || !host.adds_nothing() ||
      c.origin.is_made() || !c.limits.empty() || !c.head.keep_alive || c.head.minor_version == 0 ||
      c.head.method == method::head) {
    return false;
  }
  const auto content = answer.body.view();
  char* to = out.reserve(sizeof host.ok_head + sizeof text_lines + content.size() + 32);
  to =
      is_text ? put_usual(host, text_lines, content, to) : put_usual(host, json_lines, content, to);
  out.stop_at(to);
  return true;
}

void write_response(session_host& host, call& c, bool keep_alive, buffer& out) {
  auto& answer = c.answer;
  const auto& access = host.routes.access();
  if (!access.for_every_answer().empty()) add_access_lines(access, c, answer.headers);
  const bool is_text = answer.content_type.data() == text_type.data();
  const bool is_json = answer.content_type.data() == json_type.data();
  if (!is_text && !is_json && answer.content_type.starts_with("text/html")) {
    access.add_page_lines(answer.headers);
  }
  if (!host.hsts.empty()) add_hsts_line(host, c, answer.headers);
  if (c.origin.is_made()) add_id_line(c, answer.headers);
  if (!c.limits.empty()) add_limit_lines(c.limits, answer.headers);
  const bool has_body = has_content(answer.status);
  const auto content = answer.content();
  const auto headers = answer.headers.view();
  char* to = out.reserve(sizeof host.ok_head + longest_reason + answer.content_type.size() +
                         headers.size() + content.size() + 128);
  if (answer.status == 200) {
    std::memcpy(to, host.ok_head, sizeof host.ok_head - 1);
    to += sizeof host.ok_head - 1;
  } else {
    to = put(to, "HTTP/1.1 ");
    to = std::to_chars(to, to + 3, answer.status).ptr;
    *to++ = ' ';
    to = put(to, reason_phrase(answer.status));
    to = put(to, "\r\n");
    std::memcpy(to, host.date_line, host.date_line_size);
    to += host.date_line_size;
  }
  if (has_body) {
    const bool is_whole = !answer.source;
    if (is_whole && is_text) {
      to = put(to, text_lines);
    } else if (is_whole && is_json) {
      to = put(to, json_lines);
    } else {
      if (!answer.content_type.empty()) {
        to = put(to, "Content-Type: ");
        to = put(to, answer.content_type);
        to = put(to, "\r\nX-Content-Type-Options: nosniff\r\n");
      }
      if (is_whole || answer.source_size) to = put(to, "Content-Length: ");
    }
    if (is_whole) to = put(put_number(to, content.size()), "\r\n");
    else if (answer.source_size) to = put(put_number(to, *answer.source_size), "\r\n");
    else if (c.head.minor_version != 0) to = put(to, "Transfer-Encoding: chunked\r\n");
  }
  if (!headers.empty()) to = put(to, headers);
  if (!keep_alive) to = put(to, "Connection: close\r\n");
  else if (c.head.minor_version == 0) to = put(to, "Connection: keep-alive\r\n");
  to = put(to, "\r\n");
  if (has_body && c.head.method != method::head) to = put(to, content);
  out.stop_at(to);
}

}  // namespace aft::http
