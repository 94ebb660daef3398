#include "tls_context.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <new>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <aft/ground/error.hpp>

#include "openssl.hpp"
#include "socket.hpp"
#include "tls_stream.hpp"

namespace aft::server {
namespace {

constexpr const char* ciphers_of_tls_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr unsigned char spoken[] = "\x08http/1.1\x08http/1.0";  // as ALPN writes it
constexpr unsigned char session_id_context[] = "aft";

[[noreturn]] void refuse_file(const std::string& path, std::string_view why) {
  throw configuration_error(fmt::format("{} {}", path, why));
}

openssl::bio_ptr open_pem(const std::string& path) {
  openssl::bio_ptr memory(BIO_new(BIO_s_mem()));
  if (!memory) throw std::bad_alloc();
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) refuse_file(path, fmt::format("cannot be read: {}", std::strerror(errno)));
  char part[4096];
  ssize_t size = 0;
  while ((size = ::read(file.get(), part, sizeof part)) > 0) {
    if (BIO_write(memory.get(), part, int(size)) != size) throw std::bad_alloc();
  }
  if (size < 0) refuse_file(path, fmt::format("cannot be read: {}", std::strerror(errno)));
  OPENSSL_cleanse(part, sizeof part);  // it may have been a key
  return memory;
}

// Instead of asking whoever sits at the terminal.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

struct key_pair {
  openssl::x509_ptr leaf{};
  openssl::chain_ptr chain{};  // the others
  openssl::key_ptr key{};
};

openssl::x509_ptr next_certificate(BIO* pem) {
  return openssl::x509_ptr(PEM_read_bio_X509(pem, nullptr, nullptr, nullptr));
}

key_pair read_pair(const tls_certificate& files) {
  ERR_clear_error();
  key_pair pair;
  const auto pem = open_pem(files.certificate);
  pair.leaf = next_certificate(pem.get());
  if (!pair.leaf) refuse_file(files.certificate, "holds no certificate in PEM form");
  pair.chain.reset(sk_X509_new_null());
  while (auto next = next_certificate(pem.get())) {
    if (!pair.chain || !sk_X509_push(pair.chain.get(), next.get())) throw std::bad_alloc();
    (void)next.release();
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    refuse_file(files.certificate,
                fmt::format("holds a malformed certificate: {}", openssl::last_error()));
  }
  ERR_clear_error();

  bool asked = false;
  pair.key.reset(
      PEM_read_bio_PrivateKey(open_pem(files.key).get(), nullptr, &no_passphrase, &asked));
  if (asked) refuse_file(files.key, "is encrypted; give a key without a passphrase");
  if (!pair.key) refuse_file(files.key, "holds no private key in PEM form");
  if (X509_check_private_key(pair.leaf.get(), pair.key.get()) != 1) {
    refuse_file(files.key,
                fmt::format("is not the key of the first certificate in {}", files.certificate));
  }
  return pair;
}

std::string date_of(const ASN1_TIME* t) {
  std::tm parts{};
  ASN1_TIME_to_tm(t, &parts);
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

void check_dates(const X509* leaf, const std::string& path, const logger& log) {
  const auto *begin = X509_get0_notBefore(leaf), *end = X509_get0_notAfter(leaf);
  if (X509_cmp_current_time(begin) > 0) {
    refuse_file(path, fmt::format("is not valid before {}; is this machine's clock right?",
                                  date_of(begin)));
  }
  if (X509_cmp_current_time(end) < 0) {
    log.write(log_level::warning, "server",
              fmt::format("{} expired on {}; clients will refuse it", path, date_of(end)));
  } else {
    log.write(log_level::info, "server", fmt::format("{} is valid until {}", path, date_of(end)));
  }
}

void check_mode(const std::string& path, const logger& log) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0 || !(about.st_mode & S_IROTH)) return;
  log.write(log_level::warning, "server",
            fmt::format("every user of this machine may read the key {}; chmod 600 it", path));
}

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  unsigned char* out = nullptr;
  const auto found =
      SSL_select_next_proto(&out, size, spoken, sizeof spoken - 1, offered, offered_size);
  *chosen = out;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

void demand_certificate(SSL_CTX* c, const tls_options& options) {
  const auto& path = options.client_authorities;
  open_pem(path);  // for the reason, where it cannot be read
  auto* names = SSL_load_client_CA_file(path.c_str());
  if (!names || SSL_CTX_load_verify_locations(c, path.c_str(), nullptr) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    refuse_file(path, "holds no certificates of authorities in PEM form");
  }
  SSL_CTX_set_client_CA_list(c, names);  // takes them
  const int must = options.client_certificate_optional ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_CTX_set_verify(c, SSL_VERIFY_PEER | must, nullptr);
}

openssl::context_ptr make_context(const tls_certificate& files, const key_pair& pair,
                                  const tls_options& options) {
  openssl::context_ptr made(SSL_CTX_new(TLS_server_method()));
  if (!made) throw std::bad_alloc();
  auto* c = made.get();
  SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(c, 0);  // whatever the machine's openssl.cnf says
  if (SSL_CTX_get_security_level(c) < 2) SSL_CTX_set_security_level(c, 2);
  SSL_CTX_set_cipher_list(c, ciphers_of_tls_1_2);
  SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                          SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_read_ahead(c, 1);
  // Sessions go on by tickets, which the clients keep.
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(c, session_id_context, sizeof session_id_context - 1);
  SSL_CTX_set_alpn_select_cb(c, &choose_protocol, nullptr);
  if (!options.client_authorities.empty()) demand_certificate(c, options);
  if (SSL_CTX_use_cert_and_key(c, pair.leaf.get(), pair.key.get(), pair.chain.get(), 1) != 1) {
    refuse_file(files.certificate, fmt::format("cannot be used: {}", openssl::last_error()));
  }
  return made;
}

}  // namespace

class tls_context::impl {
 public:
  impl(const tls_options& options, const logger& log)
      : method(BIO_meth_new(BIO_TYPE_SOURCE_SINK, "aft socket")) {
    if (!method) throw std::bad_alloc();
    BIO_meth_set_read(method.get(), &tls_stream::receive);
    BIO_meth_set_write(method.get(), &tls_stream::send);
    BIO_meth_set_ctrl(method.get(), [](BIO*, int what, long, void*) -> long {
      return what == BIO_CTRL_FLUSH;  // nothing is held back
    });
    for (const auto& files : options.certificates) {
      auto pair = read_pair(files);
      check_dates(pair.leaf.get(), files.certificate, log);
      check_mode(files.key, log);
      auto made = make_context(files, pair, options);
      served.push_back({std::move(made), std::move(pair.leaf)});
    }
    ERR_clear_error();
    SSL_CTX_set_tlsext_servername_callback(served.front().context.get(), &choose_certificate);
    SSL_CTX_set_tlsext_servername_arg(served.front().context.get(), this);
  }

  struct certificate {
    openssl::context_ptr context;
    openssl::x509_ptr leaf;
  };
  openssl::bio_method_ptr method;
  std::vector<certificate> served{};

 private:
  static int choose_certificate(SSL* ssl, int*, void* self) {
    const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (!name) return SSL_TLSEXT_ERR_NOACK;
    for (const auto& c : static_cast<const impl*>(self)->served) {
      if (X509_check_host(c.leaf.get(), name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) !=
          1) {
        continue;
      }
      SSL_set_SSL_CTX(ssl, c.context.get());
      return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
  }
};

tls_context::tls_context(const tls_options& options, const logger& log)
    : impl_(new impl(options, log)) {}
tls_context::~tls_context() = default;
ssl_ctx_st* tls_context::first() const { return impl_->served.front().context.get(); }
const bio_method_st* tls_context::socket_method() const { return impl_->method.get(); }

}  // namespace aft::server
