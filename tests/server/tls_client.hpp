#pragma once
// A client that speaks TLS, and can be stopped between any two bytes of it.

#include <stdexcept>
#include <string>
#include <string_view>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "client.hpp"

struct tls_client_options {
  std::string name = "localhost";  // that it asks for; empty: none
  std::string authority{};         // a file; empty: any certificate will do
  std::string certificate{}, key{};
  std::string protocols{};         // of ALPN, each behind its length
  int version = 0;                 // TLS1_2_VERSION alone, say; 0: any
  SSL_SESSION* session = nullptr;  // to go on with; null: none
  std::string before{};            // what is sent in the clear before
};

class tls_client {
 public:
  using options = tls_client_options;

  // Connects, and shakes hands until that is done or has failed.
  explicit tls_client(std::uint16_t port, const options& o = {}) : plain_(port) {
    context_ = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context_, 0);  // it is the server that must refuse
    if (o.version) {
      SSL_CTX_set_min_proto_version(context_, o.version);
      SSL_CTX_set_max_proto_version(context_, o.version);
    }
    if (!o.authority.empty()) {
      SSL_CTX_load_verify_locations(context_, o.authority.c_str(), nullptr);
      SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
    }
    if (!o.certificate.empty() &&
        (SSL_CTX_use_certificate_file(context_, o.certificate.c_str(), SSL_FILETYPE_PEM) != 1 ||
         SSL_CTX_use_PrivateKey_file(context_, o.key.c_str(), SSL_FILETYPE_PEM) != 1)) {
      throw std::runtime_error("no certificate for the client");
    }
    ssl_ = SSL_new(context_);
    in_ = BIO_new(BIO_s_mem()), out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_, in_, out_);
    if (!o.name.empty()) SSL_set_tlsext_host_name(ssl_, o.name.c_str());
    if (!o.name.empty() && !o.authority.empty()) SSL_set1_host(ssl_, o.name.c_str());
    if (!o.protocols.empty()) {
      SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(o.protocols.data()),
                          unsigned(o.protocols.size()));
    }
    if (o.session) SSL_set_session(ssl_, o.session);
    SSL_set_connect_state(ssl_);
    plain_.send(o.before);
    shake_hands();
  }
  tls_client(const tls_client&) = delete;
  tls_client& operator=(const tls_client&) = delete;
  ~tls_client() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }

  void shake_hands() {
    while (true) {
      ERR_clear_error();
      const int done = SSL_do_handshake(ssl_);
      note(done);
      flush();
      if (done == 1 || SSL_get_error(ssl_, done) != SSL_ERROR_WANT_READ || !take()) return;
    }
  }
  bool connected() const { return SSL_is_init_finished(ssl_); }
  const std::string& why() const { return why_; }  // something failed

  // What goes over the wire for these bytes, in records of `part`.
  std::string encrypted(std::string_view bytes, std::size_t part = 16 * 1024) {
    while (!bytes.empty()) {
      const auto some = bytes.substr(0, part);
      if (SSL_write(ssl_, some.data(), int(some.size())) <= 0) return "";
      bytes.remove_prefix(some.size());
    }
    return taken_from(out_);
  }
  bool send(std::string_view bytes) { return plain_.send(encrypted(bytes)); }

  void say_goodbye() {  // close_notify
    SSL_shutdown(ssl_);
    flush();
  }

  // What comes until `enough` bytes are there; else with the reason for the end behind it.
  std::string receive(std::size_t enough = std::string::npos) {
    std::string got;
    while (got.size() < enough) {
      char part[16384];
      ERR_clear_error();
      const int n = SSL_read(ssl_, part, int(std::min(sizeof part, enough - got.size())));
      if (n > 0) {
        got.append(part, std::size_t(n));
        continue;
      }
      const int error = SSL_get_error(ssl_, n);
      note(n);
      flush();
      if (error == SSL_ERROR_WANT_READ && take()) continue;
      if (error == SSL_ERROR_WANT_READ) return got + end_;
      return got + (error == SSL_ERROR_ZERO_RETURN ? "[goodbye]" : "[" + why_ + "]");
    }
    return got;
  }

  std::string response() { return one_response(*this); }

  std::string server_name() const {  // of its certificate
    auto* shown = SSL_get0_peer_certificate(ssl_);
    if (!shown) return "";
    char name[256] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, name, sizeof name);
    return name;
  }
  std::string protocol() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_, &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  SSL* ssl() { return ssl_; }
  client& plain() { return plain_; }

 private:
  void note(int returned) {
    if (returned > 0 || SSL_get_error(ssl_, returned) != SSL_ERROR_SSL) return;
    const char* reason = ERR_reason_error_string(ERR_peek_error());
    why_ = reason ? reason : "no reason";
  }
  static std::string taken_from(BIO* memory) {
    std::string bytes(BIO_ctrl_pending(memory), '\0');
    if (!bytes.empty()) BIO_read(memory, bytes.data(), int(bytes.size()));
    return bytes;
  }
  void flush() { plain_.send(taken_from(out_)); }
  bool take() {
    pollfd p{plain_.fd(), POLLIN, 0};
    if (::poll(&p, 1, 60'000) != 1) return end_ = "[nothing came]", false;
    char part[65536];
    const auto n = ::recv(plain_.fd(), part, sizeof part, 0);
    if (n <= 0) return end_ = n == 0 ? "[cut off]" : "[reset]", false;
    BIO_write(in_, part, int(n));
    return true;
  }

  client plain_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  BIO *in_ = nullptr, *out_ = nullptr;
  std::string why_{}, end_{};
};
