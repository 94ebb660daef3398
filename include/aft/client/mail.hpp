#pragma once
// E-mail as a value, and as the text that goes over the wire.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aft/ground/result.hpp>
#include <aft/ground/time.hpp>

namespace aft {

// "ada@example.org", with a name beside it where people are to see one.
struct mail_address {
  std::string address{};
  std::string name{};

  mail_address() = default;
  mail_address(std::string of) : address(std::move(of)) {}
  mail_address(const char* of) : address(of) {}
  mail_address(std::string of, std::string called)
      : address(std::move(of)), name(std::move(called)) {}
};

struct mail_attachment {
  std::string file_name{};
  std::string content_type = "application/octet-stream";
  std::string content{};  // bytes
};

struct mail {
  mail_address from{};  // empty: mail_options::from
  std::vector<mail_address> to{}, cc{}, bcc{}, reply_to{};
  std::string subject{};
  std::string text{}, html{};  // UTF-8; either or both, as alternatives
  std::vector<mail_attachment> attachments{};
  // Others, such as List-Unsubscribe. None that this struct has fields for, nor Content-....
  std::vector<std::pair<std::string, std::string>> headers{};
};

enum class mail_refusal : std::uint8_t {
  no_sender,
  no_recipient,
  too_many_recipients,
  bad_address,  // ASCII, "name@host.domain" or a single host, without quotes and comments
  bad_header,   // a line break or another control character, or a name that is not to be set
  bad_text,     // no UTF-8, or a zero
  too_large,
  recipient_limit,  // one of them gets too many already, see mail_options
};

std::string_view to_string(mail_refusal);

bool is_mail_address(std::string_view text);

// For Message-ID, with the brackets: "<random@domain>".
std::string new_message_id(std::string_view domain);

// As RFC 5322 and MIME have it, in ASCII, with lines of at most 78 characters ended by CRLF (longer
// only where a single word of a header is). Bcc is not in it. The same for the same arguments.
result<std::string, mail_refusal> write_mail(const mail& m, std::string_view message_id,
                                             time_point date);

}  // namespace aft
