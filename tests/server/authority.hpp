#pragma once
// Makes certificates for a test, so that none lies in the repository.

#include <sys/stat.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct wanted_certificate {
  std::string name;                       // of its subject
  std::string names = "DNS:localhost";    // subjectAltName; empty: none
  long begins = -3600, ends = 24 * 3600;  // seconds from now
  bool encrypted_key = false;
};

struct certificate_files {
  std::string certificate, key;
};

class authority {
 public:
  // Its own certificate goes to `file`.
  authority(const std::string& name, const std::string& file)
      : file_(file), key_(EVP_EC_gen("P-256"), EVP_PKEY_free),
        certificate_(make({.name = name, .names = ""}, key_.get(), true), X509_free) {
    write(file, certificate_.get());
  }
  const std::string& file() const { return file_; }

  // Its files begin with `path`.
  certificate_files issue(const std::string& path, const wanted_certificate& wanted) {
    const certificate_files files{path + ".pem", path + ".key"};
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"),
                                                                  EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> made(make(wanted, key.get(), false),
                                                           X509_free);
    write(files.certificate, made.get());
    auto* f = open(files.key);
    char passphrase[] = "secret";
    PEM_write_PrivateKey(f, key.get(), wanted.encrypted_key ? EVP_aes_128_cbc() : nullptr, nullptr,
                         0, nullptr, wanted.encrypted_key ? passphrase : nullptr);
    std::fclose(f);
    ::chmod(files.key.c_str(), 0600);
    return files;
  }

 private:
  static std::FILE* open(const std::string& path) {
    auto* f = std::fopen(path.c_str(), "w");
    if (!f) throw std::runtime_error("cannot write " + path);
    return f;
  }
  static void write(const std::string& path, X509* certificate) {
    auto* f = open(path);
    PEM_write_X509(f, certificate);
    std::fclose(f);
  }
  static void extend(X509* c, int what, const std::string& value) {
    auto* extension = X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str());
    if (!extension) throw std::runtime_error("no extension " + value);
    X509_add_ext(c, extension, -1);
    X509_EXTENSION_free(extension);
  }

  X509* make(const wanted_certificate& wanted, EVP_PKEY* key, bool of_itself) {
    auto* c = X509_new();
    X509_set_version(c, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(c), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(c), wanted.begins);
    X509_gmtime_adj(X509_getm_notAfter(c), wanted.ends);
    auto* subject = X509_get_subject_name(c);
    const auto add = [subject](const char* field, const std::string& value) {
      X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(value.c_str()), -1, -1, 0);
    };
    add("O", "aft");
    add("CN", wanted.name);
    X509_set_issuer_name(c, of_itself ? subject : X509_get_subject_name(certificate_.get()));
    X509_set_pubkey(c, key);
    extend(c, NID_basic_constraints, of_itself ? "critical,CA:TRUE" : "CA:FALSE");
    if (!wanted.names.empty()) extend(c, NID_subject_alt_name, wanted.names);
    if (!X509_sign(c, key_.get(), EVP_sha256())) throw std::runtime_error("cannot sign");
    return c;
  }

  std::string file_;
  long serial_ = 0;
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  std::unique_ptr<X509, decltype(&X509_free)> certificate_{nullptr, X509_free};
};
