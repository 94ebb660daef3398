#pragma once
// How a server speaks HTTPS: certificates, clients who prove who they are, and plain HTTP's end.

#include <string>
#include <vector>

#include <aft/ground/time.hpp>

namespace aft {

// Two files in PEM form.
struct tls_certificate {
  std::string certificate;  // the server's own first, then those that signed it
  std::string key;          // without a passphrase; only this user should be able to read it
};

// TLS 1.2 and later, with what is safe today: nothing else is to be chosen. With certificates every
// TCP socket speaks TLS, but for those of `also` that are written "http://0.0.0.0:80"; Unix sockets
// never do. The files are read at the start and by app::reload_certificates(); one that cannot be
// used is a configuration_error that says why, one that has expired a warning in the log.
struct tls_options {
  // The client names the host it wants (SNI), and gets the first certificate that is valid for it;
  // the first of all where none is, or where it names none.
  std::vector<tls_certificate> certificates{};

  // A PEM file. Clients must show a certificate that one of these has signed; see
  // request::client_certificate().
  std::string client_authorities{};
  bool client_certificate_optional = false;  // who shows none is let in too

  // How long browsers remember to come by HTTPS alone (Strict-Transport-Security); zero: they are
  // not asked to. It concerns the whole host name, whatever the port.
  duration hsts = days(365);

  // What the plain TCP sockets of such a server do. GET and HEAD of a route that answers no JSON
  // are sent to the first TLS socket (308), /.well-known/acme-challenge/ is served, and all else
  // gets 403: a program that was sent on would go on telling its secrets to everybody on the way.
  // False: they serve everything.
  bool redirect_pages = true;
};

}  // namespace aft
