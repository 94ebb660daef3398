#include <aft/client/mail_sender.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include <aft/client/mail.hpp>
#include <aft/ground/error.hpp>

#include "../ground/may_wait.hpp"
#include "call_time.hpp"
#include "curl.hpp"
#include "mail_text.hpp"

namespace aft {
namespace {

using mail_reason = mail_failure::reason;

bool is_about_login(int code) {
  return code == 454 || code == 530 || code == 534 || code == 535 || code == 538;
}

mail_failure explain_mail(CURLcode code, int reply, const std::string& said) {
  switch (code) {
    case CURLE_LOGIN_DENIED: return {mail_reason::login, reply, said};
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT: return {mail_reason::cannot_connect, reply, said};
    case CURLE_OPERATION_TIMEDOUT: return {mail_reason::timed_out, reply, said};
    case CURLE_USE_SSL_FAILED:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE: return {mail_reason::tls, reply, said};
    case CURLE_ABORTED_BY_CALLBACK: return {mail_reason::cancelled, reply, said};
    default: break;
  }
  if (is_about_login(reply)) return {mail_reason::login, reply, said};
  if (reply >= 500 && reply <= 599) return {mail_reason::refused, reply, said};
  if (reply >= 400 && reply <= 499) return {mail_reason::try_later, reply, said};
  return {mail_reason::broken, reply, said};
}

std::string own_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return *name ? name : "localhost";
}

struct upload {
  std::string_view left;

  static std::size_t read(char* to, std::size_t size, std::size_t count, void* self) {
    auto& left = static_cast<upload*>(self)->left;
    const auto part = left.substr(0, size * count);
    std::memcpy(to, part.data(), part.size());
    left.remove_prefix(part.size());
    return part.size();
  }
};

}  // namespace

mail_sender::mail_sender(smtp_options options) : options_(std::move(options)) {
  client::start_curl();
  if (options_.name.empty()) options_.name = own_name();
  const auto is_word = [](const std::string& text) {
    return client::is_printable_ascii(text) && text.find_first_of(" /?#@") == text.npos;
  };
  if (options_.host.empty() || !is_word(options_.host) || !is_word(options_.name)) {
    throw configuration_error("mail needs .host, the name of a server, and a .name that is one");
  }
  if (!options_.user.empty() && options_.secured == smtp_options::security::unsafe_plain) {
    throw configuration_error(
        "a password for mail is not sent without TLS; choose .starttls or "
        ".tls");
  }
}

std::optional<mail_failure> mail_sender::send(const mail_envelope& e,
                                              const function<bool()>& cancelled) const {
  if (detail::must_not_wait) {
    throw error(std::string("a mail server is waited for ") + detail::must_not_wait +
                "; use send_mail");
  }
  if (!is_mail_address(e.from) || !is_mail_address(e.to)) {
    throw error("an envelope has two addresses");
  }
  const client::call_time time(options_.timeout);
  const auto left = time.left();
  if (left <= duration()) return mail_failure{mail_reason::timed_out, 0, "there was no time left"};

  using enum smtp_options::security;
  const bool from_start = options_.secured == tls;
  const int usual = from_start ? 465 : options_.secured == starttls ? 587 : 25;
  const auto port = std::to_string(options_.port ? options_.port : usual);
  const auto host =
      options_.host.find(':') == std::string::npos ? options_.host : "[" + options_.host + "]";
  client::curl_handle handle;
  char why[CURL_ERROR_SIZE] = "";
  upload body{e.message};
  client::string_list recipients;
  recipients.add("<" + e.to + ">");
  const auto milliseconds_of = [](duration d) {
    return long(std::max<std::int64_t>(d.in_milliseconds(), 1));
  };
  handle.set(CURLOPT_ERRORBUFFER, why);
  handle.set(CURLOPT_NOSIGNAL, 1L);
  handle.set(CURLOPT_PROXY, "");
  handle.set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  handle.set(CURLOPT_URL,
             (from_start ? "smtps://" : "smtp://") + host + ":" + port + "/" + options_.name);
  handle.set(CURLOPT_TIMEOUT_MS, milliseconds_of(left));
  handle.set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds_of(std::min(left, options_.connect_timeout)));
  if (options_.secured == starttls) handle.set(CURLOPT_USE_SSL, long(CURLUSESSL_ALL));
  handle.set(CURLOPT_SSLVERSION, long(CURL_SSLVERSION_TLSv1_2));
  if (!options_.authorities.empty()) {
    handle.set(CURLOPT_CAINFO, options_.authorities);
    handle.set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
  }
  if (!options_.user.empty()) {
    handle.set(CURLOPT_USERNAME, options_.user);
    handle.set(CURLOPT_PASSWORD, options_.password.text());
  }
  handle.set(CURLOPT_MAIL_FROM, "<" + e.from + ">");
  handle.set(CURLOPT_MAIL_RCPT, recipients.get());
  handle.set(CURLOPT_UPLOAD, 1L);
  handle.set(CURLOPT_INFILESIZE_LARGE, curl_off_t(e.message.size()));
  handle.set(CURLOPT_READDATA, static_cast<void*>(&body));
  handle.set(CURLOPT_READFUNCTION, &upload::read);

  const auto code = handle.perform(cancelled);
  if (code == CURLE_OK) return {};
  if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
  return explain_mail(code, int(handle.info<long>(CURLINFO_RESPONSE_CODE)),
                      *why ? why : curl_easy_strerror(code));
}

std::string_view to_string(mail_failure::reason why) {
  switch (why) {
    case mail_reason::refused: return "refused";
    case mail_reason::try_later: return "try_later";
    case mail_reason::login: return "login";
    case mail_reason::cannot_connect: return "cannot_connect";
    case mail_reason::tls: return "tls";
    case mail_reason::timed_out: return "timed_out";
    case mail_reason::broken: return "broken";
    case mail_reason::cancelled: return "cancelled";
  }
  return "";
}

}  // namespace aft
