#pragma once
// What OpenSSL's own types lack: owners, and words for what went wrong. For tls_*.cpp alone.

#include <memory>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace aft::server::openssl {

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
inline void free_chain(STACK_OF(X509) * chain) { sk_X509_pop_free(chain, X509_free); }

using bio_ptr = std::unique_ptr<BIO, freed_by<BIO_free_all>>;
using bio_method_ptr = std::unique_ptr<BIO_METHOD, freed_by<BIO_meth_free>>;
using chain_ptr = std::unique_ptr<STACK_OF(X509), freed_by<free_chain>>;
using context_ptr = std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using ssl_ptr = std::unique_ptr<SSL, freed_by<SSL_free>>;
using x509_ptr = std::unique_ptr<X509, freed_by<X509_free>>;

// Why the last call on this thread failed; text that stays.
inline std::string_view last_error() {
  const char* text = ERR_reason_error_string(ERR_peek_last_error());
  return text ? text : "no reason was given";
}

}  // namespace aft::server::openssl
