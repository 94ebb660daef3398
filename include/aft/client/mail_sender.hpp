#pragma once
// Hands mail to a server, over SMTP.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <aft/ground/function.hpp>
#include <aft/ground/secret.hpp>
#include <aft/ground/time.hpp>

namespace aft {

struct smtp_options {
  std::string host{};      // of the server that takes all mail
  std::uint16_t port = 0;  // 0: 587, with TLS from the start 465, without any 25
  std::string user{};      // empty: without a login
  secret password{};
  enum class security : std::uint8_t {
    starttls,  // refused where the server does not offer it
    tls,       // from the start
    unsafe_plain,
  } secured = security::starttls;
  std::string authorities{};  // a file of PEM certificates; empty: the system's
  std::string name{};         // of this host, for EHLO; empty: as the system calls it

  duration connect_timeout = seconds(15);
  duration timeout = minutes(2);  // of one mail
};

// Why a mail was not taken.
struct mail_failure {
  enum class reason : std::uint8_t {
    refused,    // for good, 5xx: no such mailbox, say
    try_later,  // 4xx
    login,      // the server does not know us
    cannot_connect,
    tls,  // not offered, or the server cannot prove to be who it should be
    timed_out,
    broken,  // the connection ended; the mail may have been taken
    cancelled,
  };
  reason why = reason::broken;
  int code = 0;          // of the server's last reply; 0: none
  std::string detail{};  // one sentence, for the log
};

std::string_view to_string(mail_failure::reason);

struct mail_envelope {
  std::string from{}, to{};  // addresses alone
  std::string message{};     // of write_mail
};

// A connection for each mail. Any thread.
class mail_sender {
 public:
  explicit mail_sender(smtp_options options);  // throws configuration_error

  // Nothing where the server has taken it. Waits, at most until the deadline of the route or job;
  // `cancelled` is asked several times a second. Throws error on an event loop and inside a
  // transaction, and for an address that is none.
  [[nodiscard]] std::optional<mail_failure> send(const mail_envelope& e,
                                                 const function<bool()>& cancelled = {}) const;

 private:
  smtp_options options_;
};

}  // namespace aft
