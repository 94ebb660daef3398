#include "tls_stream.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <openssl/x509v3.h>

#include <aft/ground/encoding.hpp>

#include "openssl.hpp"

namespace aft::server {
namespace {

// What carries no data, as a change of keys, must not hold the loop for as long as it comes.
constexpr std::size_t max_received_at_once = 128 * 1024;

std::string text_of(const X509_NAME* name) {
  const openssl::bio_ptr out(BIO_new(BIO_s_mem()));
  // UTF-8 stays as it is.
  if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0) {
    return "";
  }
  char* data = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &data);
  return {data, std::size_t(size)};
}

std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> found;
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    int kind = 0;
    const auto* value = static_cast<const ASN1_STRING*>(
        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind));
    if (kind != GEN_DNS && kind != GEN_URI && kind != GEN_EMAIL) continue;
    const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                                std::size_t(ASN1_STRING_length(value)));
    const bool is_clean =
        std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
    if (is_clean) found.emplace_back(text);
  }
  GENERAL_NAMES_free(names);
  return found;
}

}  // namespace

int tls_stream::receive(BIO* bio, char* to, int size) {
  auto& s = *static_cast<tls_stream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (s.budget_ == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const auto received = ::recv(s.socket_, to, std::size_t(size), MSG_DONTWAIT);
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  if (received <= 0) return int(received);
  if (!std::exchange(s.begun_, true)) s.begins_as_http_ = *to >= 'A' && *to <= 'Z';
  s.budget_ -= std::min(s.budget_, std::size_t(received));
  return int(received);
}

int tls_stream::send(BIO* bio, const char* from, int size) {
  auto& s = *static_cast<tls_stream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const auto sent = ::send(s.socket_, from, std::size_t(size), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return int(sent);
}

tls_stream::tls_stream(std::shared_ptr<const tls_context> context, int socket)
    : context_(std::move(context)), socket_(socket) {
  openssl::ssl_ptr made(SSL_new(context_->first()));
  auto* bio = made ? BIO_new(context_->socket_method()) : nullptr;
  if (!bio) throw std::bad_alloc();
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(made.get(), bio, bio);  // takes it
  SSL_set_accept_state(made.get());
  ssl_ = made.release();
}

tls_stream::~tls_stream() { SSL_free(ssl_); }

tls_result tls_stream::finish(int returned, std::size_t size) {
  if (returned > 0) return {tls_status::done, size};
  auto status = tls_status::failed;
  switch (SSL_get_error(ssl_, returned)) {
    case SSL_ERROR_WANT_READ: status = tls_status::wants_read; break;
    case SSL_ERROR_WANT_WRITE: status = tls_status::wants_write; break;
    case SSL_ERROR_ZERO_RETURN: status = tls_status::closed; break;
    case SSL_ERROR_SSL: why_ = openssl::last_error(); break;
    default: why_ = "the connection was lost"; break;
  }
  ERR_clear_error();  // they are the thread's, and would be taken for the next stream's
  return {status};
}

tls_result tls_stream::handshake() {
  budget_ = max_received_at_once;
  const auto result = finish(SSL_do_handshake(ssl_), 0);
  if (result.status != tls_status::done) return result;
  // A session that is resumed was checked when it began, and may have outlived its certificate.
  const auto* shown = SSL_get0_peer_certificate(ssl_);
  if (!shown || X509_cmp_current_time(X509_get0_notAfter(shown)) > 0) return result;
  why_ = "the client's certificate has expired";
  return {tls_status::failed};
}

std::unique_ptr<const client_certificate> tls_stream::certificate() const {
  const auto* shown = SSL_get0_peer_certificate(ssl_);
  if (!shown || SSL_get_verify_result(ssl_) != X509_V_OK) return nullptr;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (X509_digest(shown, EVP_sha256(), digest, &size) != 1) throw std::bad_alloc();
  return std::make_unique<const client_certificate>(
      client_certificate{text_of(X509_get_subject_name(shown)), names_of(shown),
                         to_hex({reinterpret_cast<const char*>(digest), size})});
}

tls_result tls_stream::read(char* to, std::size_t size) {
  budget_ = max_received_at_once;
  std::size_t count = 0;
  const int returned = SSL_read_ex(ssl_, to, size, &count);
  const auto result = finish(returned, count);
  reading_ = result.status;
  return result;
}

tls_result tls_stream::write(const char* from, std::size_t size) {
  budget_ = max_received_at_once;
  std::size_t count = 0;
  const int returned = SSL_write_ex(ssl_, from, size, &count);
  const auto result = finish(returned, count);
  writing_ = result.status;
  return result;
}

tls_result tls_stream::shutdown() {
  if (!SSL_is_init_finished(ssl_)) return {};
  const int returned = SSL_shutdown(ssl_);
  return returned >= 0 ? tls_result{} : finish(returned, 0);  // 0: the client has not said so yet
}

bool tls_stream::pending() const {
  return reading_ == tls_status::done && SSL_has_pending(ssl_) == 1;
}

}  // namespace aft::server
