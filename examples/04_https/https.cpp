#include <aft/aft.hpp>

int main() {
  aft::app app;
  app.get("/", [](const aft::request& r) { return r.secure() ? "over TLS\n" : "plainly\n"; });
  app.run({.port = 8443,
           .also = {"http://127.0.0.1:8080"},
           .tls = {.certificates = {{"my.pem", "my.key"}}}});
}

// A certificate and its key are files; SIGHUP reads them again, and no connection is lost. The
// plain socket sends browsers on, and refuses everything else.
//
//   first$ openssl req -x509 -nodes -newkey rsa:2048 -subj /CN=localhost -keyout my.key -out my.pem
//   $ curl -s --cacert my.pem https://localhost:8443
//   over TLS
//   $ curl -s -o /dev/null -w '%{http_code} to %{redirect_url}\n' http://localhost:8080
//   308 to https://localhost:8443/
