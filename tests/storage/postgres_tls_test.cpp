// TLS to a PostgreSQL server, whose certificate is checked.

#include <aft/storage/database.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>
#include <optional>

#include <doctest/doctest.h>

#include "../server/authority.hpp"
#include "storage_fixture.hpp"

namespace {

// One that was free a moment ago.
int free_port() {
  const int s = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = ::bind(s, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::getsockname(s, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(s);
  if (!bound) throw std::runtime_error("no port is free");
  return ntohs(address.sin_port);
}

struct with_tls {
  temporary_folder folder;
  authority trusted{"the right one", folder / "trusted.pem"};
  authority foreign{"another one", folder / "foreign.pem"};
  int port = 0;
  std::optional<postgres_server> server;
  aft::logger log;
  aft::clock time;

  with_tls() {
    for (int attempt = 0; !server; ++attempt) {
      port = free_port();
      try {
        server.emplace(
            std::vector<std::string>{"ssl=on", "ssl_cert_file=../server.pem",
                                     "ssl_key_file=../server.key", "listen_addresses=127.0.0.1",
                                     "fsync=off", "shared_buffers=16MB"},
            [this](postgres_server& s) {
              const auto files =
                  trusted.issue(s.place() + "/server", {.name = "db", .names = "DNS:db.example"});
              s.give(files.certificate);
              s.give(files.key);
            },
            port);
      } catch (const std::runtime_error&) {
        if (attempt == 5) throw;  // others took the port each time
      }
    }
  }

  std::string url(const std::string& host, const std::string& parameters) const {
    return "postgresql://aft@" + host + ":" + std::to_string(port) +
           "/postgres?hostaddr=127.0.0.1&sslmode=verify-full&" + parameters;
  }
  std::string said_to(const std::string& place) {
    return thrown_by([&] { aft::database db(place, {}, log, time); });
  }
};

}  // namespace

TEST_CASE_FIXTURE(with_tls, "PostgreSQL: a server is trusted by its name and its authority" *
                                doctest::skip(!on_postgres())) {
  const auto root = "sslrootcert=" + trusted.file();
  {
    aft::database db(url("db.example", root), {}, log, time);
    db.migrate("host", {{"001", "", "create table t (x text not null)"}});
    db.write([](aft::transaction& tx) {
      CHECK(tx.one<bool>("select ssl from pg_stat_ssl where pid = pg_backend_pid()"));
      const std::vector<std::string> rows(2000, std::string(1000, 'x'));
      CHECK(tx.execute_each("insert into t values ($1)", rows) == 2000);
    });
    db.read([](aft::reader& r) {
      CHECK(r.one<bool>("select ssl from pg_stat_ssl where pid = pg_backend_pid()"));
      std::size_t bytes = 0;
      r.each<std::string>("select x from t", [&](const std::string& x) { bytes += x.size(); });
      CHECK(bytes == 2'000'000);
    });
  }
  const auto wrong_name = said_to(url("other.example", root));
  CHECK(has(wrong_name, "the PostgreSQL server is not trusted"));
  CHECK(has(wrong_name, "\"db.example\""));
  CHECK(!has(wrong_name, "other.example"));  // which stands in the URL

  const auto foreign_one = said_to(url("db.example", "sslrootcert=" + foreign.file()));
  CHECK(foreign_one ==
        "the PostgreSQL server is not trusted: SSL error: certificate verify failed");

  CHECK(has(said_to(url("db.example", "sslrootcert=" + folder / "nowhere.pem")),
            "root certificate file"));
}
