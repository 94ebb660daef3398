#include <aft/client/mail.hpp>

#include <algorithm>
#include <optional>

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/random.hpp>
#include <aft/http/message.hpp>

#include "../ground/utf8.hpp"
#include "../http/letters.hpp"
#include "mail_text.hpp"

namespace aft {
namespace {

constexpr std::size_t longest_header = 900;  // of a line that cannot be folded; RFC 5322: 998

constexpr http::letter_set local_letters = http::make_letters("!#$%&'*+-/=?^_`{|}~.");
constexpr http::letter_set domain_letters = http::make_letters("-.");

bool is_dotted(std::string_view text, const http::letter_set& letters) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  char before = 0;
  for (const char c : text) {
    if (!letters[static_cast<unsigned char>(c)] || (c == '.' && before == '.')) return false;
    before = c;
  }
  return true;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_header_text(std::string_view text) { return !has_control(text) && detail::is_utf8(text); }

bool is_own_header(std::string_view name) {
  for (const auto* own : {"From", "To", "Cc", "Bcc", "Reply-To", "Subject", "Date", "Message-ID",
                          "MIME-Version", "Sender", "Return-Path", "Received"}) {
    if (equal_ignoring_case(name, own)) return true;
  }
  return equal_ignoring_case(name.substr(0, 8), "Content-");
}

bool is_header_name(std::string_view name) {
  return !name.empty() && name.size() <= 70 && !is_own_header(name) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return c > 0x20 && c < 0x7f && c != ':'; });
}

bool is_content_type(std::string_view text) {
  const auto slash = text.find('/');
  return text.size() <= 100 && slash != text.npos && http::is_token(text.substr(0, slash)) &&
         http::is_token(text.substr(slash + 1));
}

std::string quoted_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string address_text(const mail_address& a) {
  if (a.name.empty()) return a.address;
  const bool simple = client::is_printable_ascii(a.name) && a.name.size() < 60 &&
                      a.name.find("=?") == std::string::npos;
  const auto name = simple ? quoted_text(a.name) : client::encode_words(a.name, 10);
  const bool fits = simple && name.size() + a.address.size() < 60;
  return name + (fits ? " <" : "\r\n <") + a.address + ">";
}

void add_addresses(std::string& out, const char* name, const std::vector<mail_address>& all) {
  if (all.empty()) return;
  out.append(name).append(": ");
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i) out += ",\r\n ";  // one on each line
    out += address_text(all[i]);
  }
  out += "\r\n";
}

std::string file_name_parameter(std::string_view name) {
  if (client::is_printable_ascii(name) && name.size() <= 50) return "filename=" + quoted_text(name);
  std::string out = "filename*=UTF-8''";  // RFC 2231
  constexpr char digits[] = "0123456789ABCDEF";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (http::make_letters("-._")[byte]) out += c;
    else out += {'%', digits[byte >> 4], digits[byte & 15]};
  }
  return out;
}

std::string text_part(const char* type, std::string_view text) {
  return std::string("Content-Type: ") + type +
         "; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
         client::to_quoted_printable(text) + "\r\n";
}

std::string attachment_part(const mail_attachment& a) {
  return "Content-Type: " + a.content_type +
         "\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n " +
         file_name_parameter(a.file_name) + "\r\n\r\n" + client::to_base64_lines(a.content);
}

// Neither encoding of a body has a line that begins with "--=_".
std::string multipart(const char* kind, std::string_view message_id,
                      const std::vector<std::string>& parts) {
  const auto boundary =
      "=_" + to_hex(sha256(std::string(kind) + std::string(message_id))).substr(0, 32);
  std::string out = std::string("Content-Type: multipart/") + kind + ";\r\n boundary=\"" +
                    boundary + "\"\r\n\r\n";
  for (const auto& part : parts) out += "--" + boundary + "\r\n" + part;
  return out + "--" + boundary + "--\r\n";
}

std::string body_of(const mail& m, std::string_view message_id) {
  std::string text;
  if (m.html.empty()) text = text_part("text/plain", m.text);
  else if (m.text.empty()) text = text_part("text/html", m.html);
  else
    text = multipart("alternative", message_id,
                     {text_part("text/plain", m.text), text_part("text/html", m.html)});
  if (m.attachments.empty()) return text;
  std::vector<std::string> parts{std::move(text)};
  for (const auto& a : m.attachments) parts.push_back(attachment_part(a));
  return multipart("mixed", message_id, parts);
}

std::optional<mail_refusal> check_addresses(const mail& m) {
  if (m.from.address.empty()) return mail_refusal::no_sender;
  if (m.to.empty() && m.cc.empty() && m.bcc.empty()) return mail_refusal::no_recipient;
  std::vector<const mail_address*> all{&m.from};
  for (const auto* list : {&m.to, &m.cc, &m.bcc, &m.reply_to}) {
    for (const auto& a : *list) all.push_back(&a);
  }
  for (const auto* a : all) {
    if (!is_mail_address(a->address)) return mail_refusal::bad_address;
    if (!is_header_text(a->name) || a->name.size() > 200) return mail_refusal::bad_header;
  }
  return {};
}

std::optional<mail_refusal> check(const mail& m) {
  if (const auto wrong = check_addresses(m)) return wrong;
  if (!is_header_text(m.subject) || m.subject.size() > 2000) return mail_refusal::bad_header;
  for (const auto& [name, value] : m.headers) {
    if (!is_header_name(name) || !is_header_text(value) || value.size() > longest_header) {
      return mail_refusal::bad_header;
    }
  }
  for (const auto& a : m.attachments) {
    if (!is_header_text(a.file_name) || a.file_name.size() > 255 || a.file_name.empty() ||
        !is_content_type(a.content_type)) {
      return mail_refusal::bad_header;
    }
  }
  for (const auto* text : {&m.text, &m.html}) {
    if (!detail::is_utf8(*text) || text->find('\0') != text->npos) return mail_refusal::bad_text;
  }
  return {};
}

// Links in it must stay as they are.
std::string header_value(std::string_view value, std::size_t used) {
  const bool plain = client::is_printable_ascii(value) && value.find(' ') == value.npos;
  return plain ? std::string(value) : client::encode_words(value, used);
}

}  // namespace

bool is_mail_address(std::string_view text) {
  const auto at = text.rfind('@');
  if (at == text.npos || text.size() > 254 || at > 64) return false;
  const auto domain = text.substr(at + 1);
  return is_dotted(text.substr(0, at), local_letters) && is_dotted(domain, domain_letters) &&
         domain.front() != '-' && domain.back() != '-';
}

std::string new_message_id(std::string_view domain) {
  return "<" + random_token(18) + "@" + std::string(domain) + ">";
}

result<std::string, mail_refusal> write_mail(const mail& m, std::string_view message_id,
                                             time_point date) {
  if (const auto wrong = check(m)) return *wrong;
  if (has_control(message_id)) return mail_refusal::bad_header;
  std::string out = "Date: " + client::mail_date(date.since_1970().in_seconds()) + "\r\n";
  add_addresses(out, "From", {m.from});
  add_addresses(out, "To", m.to);
  add_addresses(out, "Cc", m.cc);
  add_addresses(out, "Reply-To", m.reply_to);
  if (m.to.empty() && m.cc.empty()) out += "To: undisclosed-recipients:;\r\n";
  if (!m.subject.empty()) out += "Subject: " + client::encode_words(m.subject, 9) + "\r\n";
  out += "Message-ID: " + std::string(message_id) + "\r\n";
  for (const auto& [name, value] : m.headers) {
    out += name + ": " + header_value(value, name.size() + 2) + "\r\n";
  }
  out += "MIME-Version: 1.0\r\n";
  return out + body_of(m, message_id);
}

std::string_view to_string(mail_refusal why) {
  switch (why) {
    case mail_refusal::no_sender: return "no_sender";
    case mail_refusal::no_recipient: return "no_recipient";
    case mail_refusal::too_many_recipients: return "too_many_recipients";
    case mail_refusal::bad_address: return "bad_address";
    case mail_refusal::bad_header: return "bad_header";
    case mail_refusal::bad_text: return "bad_text";
    case mail_refusal::too_large: return "too_large";
    case mail_refusal::recipient_limit: return "recipient_limit";
  }
  return "";
}

}  // namespace aft
