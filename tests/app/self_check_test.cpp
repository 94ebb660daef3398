#include <aft/self_check.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include <aft/app.hpp>

#include <doctest/doctest.h>

#include "../temporary_file.hpp"

namespace {

std::vector<std::string> codes(aft::app_options options, const aft::listen_options& listen = {}) {
  if (!options.log) options.log = [](const aft::log_record&) {};
  std::vector<std::string> found;
  for (const auto& f : aft::app(std::move(options)).self_check(listen)) {
    CHECK(!f.what.empty());
    CHECK(!f.remedy.empty());
    if (f.code != "root") found.emplace_back(f.code);
  }
  return found;
}
using list = std::vector<std::string>;

const aft::listen_options open_network{.address = "0.0.0.0"};
const aft::listen_options with_tls{.address = "0.0.0.0",
                                   .tls = {.certificates = {{"cert.pem", "key.pem"}}}};

}  // namespace

TEST_CASE("an app without data, on loopback, has nothing to find") {
  CHECK(codes({}) == list());
  CHECK(codes({}, {.address = "localhost", .also = {"[::1]:9000", "127.0.0.1:80"}}) == list());
  CHECK(codes({}, {.address = "unix:/run/app.sock"}) == list());
  CHECK(codes({}, {.address = "inherited"}) == list());
}

TEST_CASE("plain HTTP on the open network is unsafe, unless a proxy is in front or TLS beside") {
  CHECK(codes({}, open_network) == list{"open-plain-http", "no-hosts"});
  CHECK(codes({}, {.also = {"[2001:db8::1]:80"}}) == list{"open-plain-http", "no-hosts"});
  CHECK(codes({.access = {.hosts = {"api.example.org"}}},
              {.address = "10.0.0.2", .trusted_proxies = {"10.0.0.1"}}) == list());
  CHECK(codes({.access = {.hosts = {"api.example.org"}}}, with_tls) == list());
  auto both = with_tls;
  both.also = {"http://0.0.0.0:80"};
  CHECK(codes({.access = {.hosts = {"api.example.org"}}}, both) == list());
  both.tls.redirect_pages = false;
  CHECK(codes({.access = {.hosts = {"api.example.org"}}}, both) == list{"open-plain-http"});
}

TEST_CASE("what is opened to everybody is named") {
  CHECK(codes({.access = {.hosts = {"*"}}}) == list{"any-host"});
  CHECK(codes({.access = {.origins = {"*"}}}) == list{"any-origin"});
  CHECK(codes({.lanes = {.deadline = {}}}) == list{"no-deadline"});
  CHECK(codes({.pages = {.content_security_policy = ""}}) == list{"no-page-policy"});
  CHECK(codes({}, {.trusted_proxies = {"0.0.0.0/0"}}) == list{"any-proxy"});
  CHECK(codes({}, {.address = "unix:/run/app.sock", .socket_mode = 0666}) == list{"open-socket"});
  auto listen = with_tls;
  listen.tls.hsts = {};
  CHECK(codes({.access = {.hosts = {"x.example"}}}, listen) == list{"no-hsts"});
}

TEST_CASE_FIXTURE(temporary_folder,
                  "a database is to be durable, backed up elsewhere and its owner's alone") {
  const auto file = *this / "notes.db";
  CHECK(codes({.database = ":memory:"}) == list{"memory-database"});
  CHECK(codes({.database = file}) == list{"no-backups"});
  CHECK(codes({.database = file,
               .storage = {.durable = false},
               .backups = {.directory = *this / "made/later",
                           .backup = {.key = {.passphrase = "x"}}}}) ==
        list{"not-durable", "backups-beside"});
  CHECK(codes({.database = file, .backups = {.directory = *this / "b", .verify_every = {}}}) ==
        list{"backups-beside", "plain-backups", "unverified-backups"});
  std::ofstream(file) << "";
  ::chmod(file.c_str(), 0644);
  CHECK(codes({.database = file, .storage = {.archive = {.directory = "/dev/shm/archive"}}}) ==
        list{"readable-database"});
}

TEST_CASE_FIXTURE(temporary_folder, "a key that others can read is unsafe") {
  auto listen = with_tls;
  listen.tls.certificates[0].key = *this / "key.pem";
  std::ofstream(listen.tls.certificates[0].key) << "";
  ::chmod(listen.tls.certificates[0].key.c_str(), 0604);
  CHECK(codes({.access = {.hosts = {"x.example"}}}, listen) == list{"readable-key"});
}

TEST_CASE("a server of PostgreSQL is to be known by its certificate, and the password elsewhere") {
  CHECK(codes({.database = "postgresql://app@db.example/app"}) == list{"unverified-server"});
  CHECK(codes({.database = "postgresql://app:secret@db.example/app?sslmode=verify-full"}) ==
        list{"credentials-in-url"});
  CHECK(codes({.database = "postgresql://app@localhost:5433/app"}) == list());
  CHECK(codes({.database = "postgresql://app@%2Frun%2Fpostgresql/app"}) == list());
  CHECK(codes({.database = "postgresql:///app"}) == list());
}

TEST_CASE("findings are told in lines, and the status is what is unsafe") {
  aft::app app;
  const auto found = app.self_check(open_network);
  CHECK(aft::is_unsafe(found));
  CHECK(!aft::is_unsafe(app.self_check({})));  // no log is advice
  const auto text = aft::describe(found);
  CHECK(text.find("unsafe open-plain-http: Whoever is on the way reads and changes what is said at "
                  "0.0.0.0. Set listen_options::tls") != text.npos);
  CHECK(text.find("advice no-log: ") != text.npos);
}

TEST_CASE_FIXTURE(temporary_folder, "a database is made for its owner alone") {
  const auto file = *this / "new.db";
  aft::app app({.database = file});
  app.db().write([](aft::transaction& tx) { tx.execute("create table t (n integer) strict"); });
  for (const auto& path : {file, file + "-wal", file + "-shm"}) {
    struct stat about {};
    CAPTURE(path);
    REQUIRE(::stat(path.c_str(), &about) == 0);
    CHECK((about.st_mode & 0777) == 0600);
  }
}
