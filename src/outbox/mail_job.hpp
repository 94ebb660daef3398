#pragma once
// Sends the mail that is stored.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <aft/jobs/handler.hpp>
#include <aft/outbox/mail.hpp>
#include <aft/storage/database.hpp>

namespace aft::outbox {

struct deliver_mail {
  static constexpr std::string_view job_name = "aft_mail";
  std::int64_t recipient;
};

// A mail as it is stored.
struct stored_address {
  std::string address, name;
};
struct stored_attachment {
  std::string file_name, content_type;
  std::vector<std::byte> content;
};
struct stored_header {
  std::string name, value;
};
struct stored_mail {
  stored_address from;
  std::vector<stored_address> to, cc, bcc, reply_to;
  std::string subject, text, html;
  std::vector<stored_attachment> attachments;
  std::vector<stored_header> headers;
};

stored_mail to_stored(const mail& m);
mail from_stored(stored_mail&& s);

// Whether a program with these may call send_mail, and whether it sends what is stored.
bool takes_mail(const mail_options& options);
bool sends_mail(const mail_options& options);

// What send_mail is to go by.
void store_settings(transaction& tx, const mail_options& options);

// The job's handler; throws configuration_error. The options must outlive it.
jobs::handler mail_handler(const mail_options& options);

}  // namespace aft::outbox
