#pragma once
// Owners of OpenSSL's objects. For the keys of tokens alone.

#include <memory>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

namespace aft::auth {

template <auto Free>
struct freed_with {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using bio_owner = std::unique_ptr<BIO, freed_with<BIO_free_all>>;
using number_owner = std::unique_ptr<BIGNUM, freed_with<BN_clear_free>>;
using key_owner = std::unique_ptr<EVP_PKEY, freed_with<EVP_PKEY_free>>;
using key_context_owner = std::unique_ptr<EVP_PKEY_CTX, freed_with<EVP_PKEY_CTX_free>>;
using digest_context_owner = std::unique_ptr<EVP_MD_CTX, freed_with<EVP_MD_CTX_free>>;
using parameters_owner = std::unique_ptr<OSSL_PARAM, freed_with<OSSL_PARAM_free>>;
using parameters_builder = std::unique_ptr<OSSL_PARAM_BLD, freed_with<OSSL_PARAM_BLD_free>>;
using ecdsa_owner = std::unique_ptr<ECDSA_SIG, freed_with<ECDSA_SIG_free>>;

}  // namespace aft::auth
