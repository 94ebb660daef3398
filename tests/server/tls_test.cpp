#include <aft/server/tls.hpp>

#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <boost/asio/io_context.hpp>

#include <aft/app.hpp>
#include <aft/http/files.hpp>
#include <aft/http/stream.hpp>
#include <aft/http/websocket.hpp>

#include "../temporary_file.hpp"
#include "authority.hpp"
#include "client.hpp"
#include "tls_client.hpp"

namespace {

using namespace std::string_literals;

const std::string get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

std::string ask(const std::string& path, const std::string& lines = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + lines + "\r\n";
}

struct number {
  int n;
};

struct with_tls {
  temporary_folder folder;
  authority ca{"test authority", folder / "ca.pem"};
  certificate_files own = ca.issue(folder / "own", {.name = "first"});
  std::mutex mutex;
  std::vector<std::string> logged;  // guarded by mutex
  std::optional<aft::app> app{};
  std::uint16_t port = 0, plain_port = 0;
  std::atomic<bool> inside{false}, go{false};
  std::atomic<int> posted{0};

  with_tls() {
    app.emplace(aft::app_options{.access = {.hosts = {"*.example.test", "example.test"}},
                                 .log =
                                     [this](const aft::log_record& r) {
                                       std::lock_guard lock(mutex);
                                       logged.emplace_back(r.message);
                                     },
                                 .least_log_level = aft::log_level::debug});
    app->get("/", [] { return "root"; });
    app->get("/json", [] { return number{7}; });
    app->get("/secure", [](const aft::request& r) { return r.secure() ? "yes" : "no"; });
    app->get("/who", [](const aft::request& r) -> std::string {
      const auto* c = r.client_certificate();
      if (!c) return "nobody";
      auto text = c->subject + "\n";
      for (const auto& name : c->names) text += name + "\n";
      return text + c->fingerprint;
    });
    app->get("/big", [] { return std::string(10'000'000, 'x'); });
    app->get("/stream", [] {
      return aft::stream([left = 400](aft::buffer& out) mutable {
        out.append(std::string(10'000, 's'));
        return --left > 0;
      });
    });
    app->post("/echo", [this](aft::body<std::string> in) {
      ++posted;
      return *in;
    });
    app->get("/slow", aft::blocking([this] {
               inside = true;
               while (!go) std::this_thread::yield();
               return "slow";
             }));
    app->get("/socket", [] {
      return aft::websocket({.on_message = [](const aft::peer& p, std::string_view data,
                                              aft::message_kind) { p.send(data); },
                             .max_message = 8'000'000,
                             .max_unsent = 32'000'000});
    });
  }
  ~with_tls() {
    go = true;
    app.reset();
  }

  aft::listen_options with(aft::tls_options tls) {
    if (tls.certificates.empty()) tls.certificates = {{own.certificate, own.key}};
    return {.port = 0, .also = {"http://127.0.0.1:0"}, .tls = std::move(tls)};
  }
  void start(const aft::listen_options& options) {
    port = app->start(options).port;
    plain_port = app->endpoints().at(1).port;
  }
  void start(aft::tls_options tls = {}) { start(with(std::move(tls))); }
  std::string refused(const aft::listen_options& options) {
    try {
      app->start(options);
    } catch (const aft::configuration_error& e) {
      return e.what();
    }
    return "it started";
  }
  bool was_logged(std::string_view part) {
    std::lock_guard lock(mutex);
    for (const auto& line : logged) {
      if (has(line, part)) return true;
    }
    return false;
  }
  std::string plainly(const std::string& request) {
    client c(plain_port);
    c.send(request);
    return c.response();
  }
};

}  // namespace

// ---- the handshake

TEST_CASE_FIXTURE(with_tls, "a client that knows the authority is answered, over TLS 1.2 and 1.3") {
  start();
  CHECK(app->endpoints().at(0).url() == "https://127.0.0.1:" + std::to_string(port));
  CHECK(app->endpoints().at(1).url() == "http://127.0.0.1:" + std::to_string(plain_port));
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    tls_client c(port, {.authority = ca.file(), .version = version});
    REQUIRE_MESSAGE(c.connected(), c.why());
    const std::string cipher = SSL_get_cipher_name(c.ssl());
    CHECK((has(cipher, "GCM") || has(cipher, "CHACHA20")));
    for (int i = 0; i < 3; ++i) {
      c.send(get);
      CHECK(body_of(c.response()) == "root");
    }
    c.send(ask("/secure"));
    CHECK(body_of(c.response()) == "yes");
  }
}

TEST_CASE_FIXTURE(with_tls, "what is older than TLS 1.2 is refused") {
  start();
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    tls_client c(port, {.version = version});
    CHECK(!c.connected());
    CHECK(has(c.why(), "protocol version"));
  }
}

TEST_CASE_FIXTURE(with_tls,
                  "ciphers of TLS 1.2 without forward secrecy or authentication are refused") {
  start();
  for (const char* cipher : {"AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256"}) {
    CAPTURE(cipher);
    client plain(port);
    auto* context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(context, cipher);
    auto* ssl = SSL_new(context);
    SSL_set_fd(ssl, plain.fd());
    CHECK(SSL_connect(ssl) != 1);
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
}

TEST_CASE_FIXTURE(with_tls, "HTTP/1.1 is chosen where a client asks, and others are refused") {
  start();
  tls_client both(port, {.protocols = "\x02h2\x08http/1.1"});
  CHECK(both.protocol() == "http/1.1");
  both.send(get);
  CHECK(body_of(both.response()) == "root");
  CHECK(tls_client(port, {.protocols = "\x08http/1.0"}).protocol() == "http/1.0");
  tls_client other(port, {.protocols = "\x02h2"});
  CHECK(!other.connected());
  CHECK(has(other.why(), "no application protocol"));
  tls_client none(port);
  CHECK(none.connected());
  CHECK(none.protocol().empty());
}

TEST_CASE_FIXTURE(with_tls, "the name that a client asks for chooses the certificate") {
  const auto second = ca.issue(folder / "second",
                               {.name = "second", .names = "DNS:example.test,DNS:*.example.test"});
  const auto third = ca.issue(folder / "third", {.name = "third", .names = "DNS:other.test"});
  start({.certificates = {{own.certificate, own.key},
                          {second.certificate, second.key},
                          {third.certificate, third.key}}});
  const auto served = [&](const std::string& name) {
    return tls_client(port, {.name = name}).server_name();
  };
  CHECK(served("localhost") == "first");
  CHECK(served("example.test") == "second");
  CHECK(served("WWW.Example.test") == "second");
  CHECK(served("a.b.example.test") == "first");
  CHECK(served("other.test") == "third");
  CHECK(served("unknown.test") == "first");
  CHECK(served("") == "first");
  tls_client c(port, {.name = "www.example.test", .authority = ca.file()});
  c.send("GET /secure HTTP/1.1\r\nHost: www.example.test\r\n\r\n");
  CHECK(body_of(c.response()) == "yes");
}

TEST_CASE_FIXTURE(with_tls, "a session goes on by its ticket, with who its client is") {
  const auto second = ca.issue(folder / "second", {.name = "second", .names = "DNS:other.test"});
  const auto meter = ca.issue(folder / "meter", {.name = "meter"});
  start({.certificates = {{own.certificate, own.key}, {second.certificate, second.key}},
         .client_authorities = ca.file()});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const std::string name : {"localhost", "other.test"}) {
      CAPTURE(name);
      tls_client_options o{
          .name = name, .certificate = meter.certificate, .key = meter.key, .version = version};
      const auto who = [&](bool reused) {
        tls_client c(port, o);
        CHECK(bool(SSL_session_reused(c.ssl())) == reused);
        c.send(ask("/who"));  // the tickets of TLS 1.3 come before the answer
        CHECK(body_of(c.response()).starts_with("CN=meter,O=aft\n"));
        c.say_goodbye();  // or OpenSSL would forget the session
        return SSL_get1_session(c.ssl());
      };
      auto* session = who(false);
      o.session = session;
      SSL_SESSION_free(who(true));
      app->reload_certificates();  // old tickets are worth nothing now
      SSL_SESSION_free(who(false));
      SSL_SESSION_free(session);
    }
  }
}

// ---- files

TEST_CASE_FIXTURE(with_tls, "certificates are exchanged while old connections go on") {
  start();
  tls_client old(port);
  old.send(get);
  CHECK(body_of(old.response()) == "root");
  tls_client busy(port);
  busy.send(ask("/slow"));
  while (!inside) std::this_thread::yield();

  ca.issue(folder / "own", {.name = "renewed"});
  CHECK(tls_client(port).server_name() == "first");
  app->reload_certificates();
  CHECK(tls_client(port, {.authority = ca.file()}).server_name() == "renewed");
  old.send(get);
  CHECK(body_of(old.response()) == "root");
  go = true;
  CHECK(body_of(busy.response()) == "slow");

  { std::ofstream(own.certificate) << "nonsense"; }
  CHECK_THROWS_AS(app->reload_certificates(), aft::configuration_error);
  CHECK(tls_client(port, {.authority = ca.file()}).server_name() == "renewed");
  std::filesystem::remove(own.key);
  CHECK_THROWS_AS(app->reload_certificates(), aft::configuration_error);
  CHECK(tls_client(port, {.authority = ca.file()}).server_name() == "renewed");
}

TEST_CASE_FIXTURE(with_tls, "certificates may be exchanged while clients come") {
  start();
  std::atomic<bool> over{false};
  std::thread reloads([&] {
    while (!over) app->reload_certificates();
  });
  for (int i = 0; i < 20; ++i) {
    tls_client c(port, {.authority = ca.file()});
    c.send(get);
    CHECK(body_of(c.response()) == "root");
  }
  over = true;
  reloads.join();
}

TEST_CASE_FIXTURE(with_tls, "reloading needs a server with certificates") {
  CHECK_THROWS_AS(app->reload_certificates(), aft::configuration_error);
  app->start({.port = 0});
  CHECK_THROWS_AS(app->reload_certificates(), aft::configuration_error);
}

TEST_CASE_FIXTURE(with_tls, "files that cannot be used are named, with the reason") {
  const auto other = ca.issue(folder / "other", {.name = "other"});
  const auto locked = ca.issue(folder / "locked", {.name = "locked", .encrypted_key = true});
  const auto early = ca.issue(folder / "early", {.name = "early", .begins = 24 * 3600});
  const auto nonsense = folder / "nonsense.pem", broken = folder / "broken.pem";
  { std::ofstream(nonsense) << "nonsense\n"; }
  {
    std::ofstream out(broken);
    out << std::ifstream(own.certificate).rdbuf()
        << "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  }
  struct {
    std::string certificate, key, named, why;
  } const table[] = {
      {folder / "missing", own.key, folder / "missing", "No such file"},
      {own.certificate, folder / "missing", folder / "missing", "No such file"},
      {folder / "", own.key, folder / "", "cannot be read"},
      {nonsense, own.key, nonsense, "holds no certificate"},
      {broken, own.key, broken, "malformed"},
      {own.certificate, own.certificate, own.certificate, "holds no private key"},
      {own.certificate, other.key, other.key,
       "is not the key of the first certificate in " + own.certificate},
      {locked.certificate, locked.key, locked.key, "without a passphrase"},
      {early.certificate, early.key, early.certificate, "is not valid before 2"},
  };
  for (const auto& row : table) {
    const auto said = refused({.port = 0, .tls = {.certificates = {{row.certificate, row.key}}}});
    CAPTURE(said);
    CHECK(said.starts_with(row.named));
    CHECK(has(said, row.why));
  }
  for (const auto& file : {folder / "missing", nonsense}) {
    const auto said = refused(with({.client_authorities = file}));
    CAPTURE(said);
    CHECK(said.starts_with(file));
  }
  CHECK(has(refused({.port = 0, .tls = {.client_authorities = ca.file()}}), "certificates"));
}

TEST_CASE_FIXTURE(with_tls, "an expired certificate and a key that all may read are told of") {
  own = ca.issue(folder / "old", {.name = "old", .begins = -7200, .ends = -3600});
  ::chmod(own.key.c_str(), 0644);
  start();
  CHECK(was_logged(own.certificate + " expired on 2"));
  CHECK(tls_client(port).server_name() == "old");
  CHECK(!was_logged(" is valid until "));
  app->stop();
  start(with({.certificates = {
                  {ca.issue(folder / "new", {.name = "new"}).certificate, folder / "new.key"}}}));
  CHECK(was_logged("new.pem is valid until 2"));
  CHECK(was_logged("every user of this machine may read the key " + own.key));
}

// ---- clients that prove who they are

TEST_CASE_FIXTURE(with_tls, "a client with a certificate is known by it") {
  start({.client_authorities = ca.file()});
  const auto meter = ca.issue(
      folder / "meter",
      {.name = "Zähler, 7", .names = "DNS:meter.test,URI:spiffe://test/7,email:7@meter.test"});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    tls_client c(port, {.certificate = meter.certificate, .key = meter.key, .version = version});
    c.send(ask("/who"));
    const auto text = body_of(c.response());
    CHECK(text.starts_with("CN=Zähler\\, 7,O=aft\nmeter.test\nspiffe://test/7\n7@meter.test\n"));
    const auto print = text.substr(text.rfind('\n') + 1);
    CHECK(print.size() == 64);
    CHECK(print.find_first_not_of("0123456789abcdef") == print.npos);
  }
}

TEST_CASE_FIXTURE(with_tls, "a client without a certificate, or with a stranger's, is refused") {
  start({.client_authorities = ca.file()});
  authority stranger("stranger", folder / "stranger.pem");
  const auto strange = stranger.issue(folder / "strange", {.name = "strange"});
  const auto late = ca.issue(folder / "late", {.name = "late", .begins = -7200, .ends = -3600});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    struct {
      std::string certificate, key, why;
    } const table[] = {
        {"", "", version == TLS1_2_VERSION ? "handshake failure" : "certificate required"},
        {strange.certificate, strange.key, "unknown ca"},
        {late.certificate, late.key, "certificate expired"}};
    for (const auto& row : table) {
      tls_client c(port, {.certificate = row.certificate, .key = row.key, .version = version});
      c.send(get);  // with TLS 1.3 the client hears of it only now
      const auto got = c.receive();
      CHECK(!has(got, "HTTP/1.1"));
      CHECK(has(c.why(), row.why));
    }
  }
}

TEST_CASE_FIXTURE(with_tls, "a certificate may be asked for, and not demanded") {
  start({.client_authorities = ca.file(), .client_certificate_optional = true});
  tls_client nobody(port);
  nobody.send(ask("/who"));
  CHECK(body_of(nobody.response()) == "nobody");
  tls_client known(port, {.certificate = own.certificate, .key = own.key});
  known.send(ask("/who"));
  CHECK(body_of(known.response()).starts_with("CN=first,O=aft\nlocalhost\n"));
  authority stranger("stranger", folder / "stranger.pem");
  const auto strange = stranger.issue(folder / "strange", {.name = "strange"});
  tls_client c(port, {.certificate = strange.certificate, .key = strange.key});
  c.send(get);
  CHECK(!has(c.receive(), "HTTP/1.1"));
}

TEST_CASE_FIXTURE(with_tls, "who is not asked for a certificate has none") {
  start();
  tls_client c(port, {.certificate = own.certificate, .key = own.key});
  c.send(ask("/who"));
  CHECK(body_of(c.response()) == "nobody");
}

// ---- those who speak something else

TEST_CASE_FIXTURE(with_tls, "plain HTTP at the TLS port is told what it met") {
  start();
  for (const std::string& request :
       {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"s,
        "DELETE /x HTTP/1.1\r\nHost: localhost\r\n\r\n"s,
        "POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n"s + std::string(99'999, 'x')}) {
    client c(port);
    c.send(request);
    const auto got = c.receive();
    CHECK(got.starts_with("HTTP/1.1 400 Bad Request\r\n"));
    CHECK(has(got, "Connection: close\r\n"));
    CHECK(got.ends_with("\r\n\r\nThis port speaks HTTPS; use https:// here."));
    CHECK(has(got, "Content-Length: " + std::to_string(body_of(got).size()) + "\r\n"));
  }
}

TEST_CASE_FIXTURE(with_tls, "garbage instead of a handshake does no harm") {
  start();
  std::string noise;
  for (int i = 0; i < 5000; ++i) noise += char(i * 7919 % 251);
  for (const auto& bytes : {noise, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s + noise,
                            "\x16\x03\x01\xff\xff"s + noise, std::string(20'000, '\0')}) {
    client c(port);
    c.send(bytes);
    c.end();
    CHECK(!has(c.receive(), "HTTP"));
  }
  tls_client c(port);
  c.send(get);
  CHECK(body_of(c.response()) == "root");
  CHECK(was_logged("a TLS handshake failed: "));
}

TEST_CASE_FIXTURE(with_tls, "who is slow to shake hands, or to ask, is cut off without an answer") {
  auto options = with({});
  options.timeouts.head = aft::milliseconds(300);
  start(options);
  client silent(port), slow(port);
  slow.send("\x16\x03\x01\x02");
  CHECK(silent.receive() == "");
  CHECK(slow.receive() == "");
  tls_client mute(port);
  CHECK(mute.receive() == "[goodbye]");
  tls_client half(port);
  half.send("GET / HTTP/1.1\r\nHos");
  const auto got = half.receive();
  CHECK(got.starts_with("HTTP/1.1 408 "));
  CHECK(got.ends_with("[goodbye]"));
}

TEST_CASE_FIXTURE(with_tls, "a client may not shake hands again") {
  start();
  tls_client c(port, {.version = TLS1_2_VERSION});
  c.send(get);
  CHECK(body_of(c.response()) == "root");
  SSL_renegotiate(c.ssl());
  c.shake_hands();
  CHECK(has(c.why(), "no renegotiation"));
  tls_client other(port);
  other.send(get);
  CHECK(body_of(other.response()) == "root");
}

TEST_CASE_FIXTURE(with_tls, "keys may change on the way") {
  start();
  tls_client c(port, {.version = TLS1_3_VERSION});
  for (int i = 0; i < 20; ++i) {
    SSL_key_update(c.ssl(), SSL_KEY_UPDATE_REQUESTED);
    c.send(get);
    CHECK(body_of(c.response()) == "root");
  }
}

// ---- what goes through

TEST_CASE_FIXTURE(with_tls, "requests are found however they are cut into records and packets") {
  start();
  const std::string post =
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello";
  std::string many;
  for (int i = 0; i < 200; ++i) many += get + post;
  for (const std::size_t record : {std::size_t(16 * 1024), std::size_t(100), std::size_t(1)}) {
    CAPTURE(record);
    tls_client c(port);
    REQUIRE(c.plain().send(c.encrypted(many, record)));
    for (int i = 0; i < 200; ++i) {
      REQUIRE(body_of(c.response()) == "root");
      REQUIRE(body_of(c.response()) == "hello");
    }
  }
  for (const std::size_t record : {std::size_t(16 * 1024), std::size_t(7)}) {
    tls_client c(port);
    for (const char byte : c.encrypted(get + post, record)) c.plain().send({&byte, 1});
    CHECK(body_of(c.response()) == "root");
    CHECK(body_of(c.response()) == "hello");
  }
}

TEST_CASE_FIXTURE(with_tls,
                  "requests behind a slow one wait inside of TLS, and are not forgotten") {
  start();
  tls_client c(port);
  auto records = c.encrypted(ask("/slow") + get, 40);
  records += c.encrypted(get);
  records += c.encrypted(get);
  c.plain().send(records);
  while (!inside) std::this_thread::yield();
  go = true;
  CHECK(body_of(c.response()) == "slow");
  for (int i = 0; i < 3; ++i) CHECK(body_of(c.response()) == "root");
}

TEST_CASE_FIXTURE(with_tls, "a large body comes whole") {
  auto options = with({});
  options.limits.max_body = 20'000'000;
  start(options);
  std::string body(9'000'000, 'y');
  for (std::size_t i = 0; i < body.size(); i += 1000) body[i] = char('a' + i / 1000 % 26);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    tls_client c(port, {.version = version});
    REQUIRE(
        c.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n" + body));
    CHECK(body_of(c.response()) == body);
    c.send(get);
    CHECK(body_of(c.response()) == "root");
  }
}

TEST_CASE_FIXTURE(with_tls, "large answers, files and streams reach a slow reader whole") {
  std::string bytes(5'000'000, '.');
  for (std::size_t i = 0; i < bytes.size(); i += 1000)
    bytes.replace(i, 8, std::to_string(10'000'000 + i));
  std::filesystem::create_directory(folder / "web");
  std::ofstream(folder / "web/big.bin", std::ios::binary) << bytes;
  app->files("/files", folder / "web");
  auto options = with({});
  options.threads = 1;
  start(options);
  tls_client c(port), other(port);
  const int small = 32 * 1024;
  ::setsockopt(c.plain().fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  c.send(ask("/files/big.bin") + ask("/big") + ask("/stream") +
         ask("/files/big.bin", "Range: bytes=1000-4000999\r\n") + get);
  for (int i = 0; i < 20; ++i) {  // others have their turn
    other.send(get);
    CHECK(body_of(other.response()) == "root");
  }
  CHECK(body_of(c.response()) == bytes);
  CHECK(body_of(c.response()) == std::string(10'000'000, 'x'));
  const auto head = c.response();
  CHECK(has(head, "Transfer-Encoding: chunked"));
  const auto chunks = c.receive(400 * (10'000 + 8) + 5);
  CHECK(chunks.ends_with("s\r\n0\r\n\r\n"));
  CHECK(count(chunks, "2710\r\n") == 400);
  CHECK(body_of(c.response()) == bytes.substr(1000, 4'000'000));
  CHECK(body_of(c.response()) == "root");
}

TEST_CASE_FIXTURE(with_tls, "a client that does not read its answer is cut off") {
  auto options = with({});
  options.threads = 1;
  options.max_connections = 1;
  options.timeouts.send = aft::milliseconds(300);
  start(options);
  tls_client c(port);
  for (int i = 0; i < 5; ++i) c.send(ask("/big"));
  bool answered = false;
  for (int i = 0; i < 2000 && !answered; ++i) {  // there is no room for another until then
    tls_client other(port);
    if (other.connected()) {
      other.send(get);
      answered = body_of(other.response()) == "root";
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(answered);
  CHECK(c.receive().size() < 50'000'000);
}

// ---- the end

TEST_CASE_FIXTURE(with_tls, "who says goodbye is still answered") {
  start();
  tls_client c(port);
  c.send(ask("/slow") + get);
  c.say_goodbye();
  while (!inside) std::this_thread::yield();
  go = true;
  const auto all = c.receive();
  CHECK(count(all, "HTTP/1.1 200") == 2);
  CHECK(all.ends_with("root[goodbye]"));
}

TEST_CASE_FIXTURE(with_tls, "goodbye in the middle of a request is answered with 400") {
  start();
  tls_client c(port);
  c.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello");
  c.say_goodbye();
  const auto got = c.receive();
  CHECK(got.starts_with("HTTP/1.1 400 "));
  CHECK(got.ends_with("[goodbye]"));
}

TEST_CASE_FIXTURE(with_tls, "a connection that is cut is not taken for one that has ended") {
  start();
  {
    tls_client c(port);
    c.send(
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n");
    c.plain().end();  // without a word
    CHECK(c.receive() == "[cut off]");
  }
  {
    tls_client c(port);
    const auto record = c.encrypted(
        "POST /echo HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Length: 5\r\n\r\nhello");
    c.plain().send(std::string_view(record).substr(0, record.size() - 1));
    c.plain().end();
    CHECK(!has(c.receive(), "HTTP"));
  }
  CHECK(posted == 0);
}

TEST_CASE_FIXTURE(with_tls, "a record that was changed on its way ends the connection") {
  start();
  tls_client c(port);
  auto record = c.encrypted("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  record.back() = char(record.back() ^ 1);
  c.plain().send(record + std::string(100'000, 'x'));
  CHECK(!has(c.receive(), "HTTP"));
  CHECK(has(c.why(), "bad record mac"));
  CHECK(posted == 0);
}

TEST_CASE_FIXTURE(with_tls, "a server that ends a connection says so") {
  start();
  tls_client c(port);
  c.send(ask("/", "Connection: close\r\n"));
  CHECK(c.receive().ends_with("root[goodbye]"));
  tls_client old(port);
  old.send("GET /stream HTTP/1.0\r\nHost: localhost\r\n\r\n");
  CHECK(old.receive().ends_with("sss[goodbye]"));
  tls_client large(port);
  large.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n" +
             std::string(300'000, 'x'));
  const auto got = large.receive();
  CHECK(got.starts_with("HTTP/1.1 413 "));
  CHECK(got.ends_with("[goodbye]"));
}

TEST_CASE_FIXTURE(with_tls, "an answer that breaks off is no end") {
  app->get("/broken", [] {
    return aft::stream([left = 3](aft::buffer& out) mutable {
      if (!left--) throw std::runtime_error("no more");
      out.append("part");
      return true;
    });
  });
  start();
  tls_client c(port);
  c.send("GET /broken HTTP/1.0\r\nHost: localhost\r\n\r\n");
  const auto got = c.receive();
  CHECK(!got.ends_with("[goodbye]"));
}

TEST_CASE_FIXTURE(with_tls, "stopping says goodbye to those who idle, and answers the others") {
  start();
  tls_client idle(port), busy(port);
  client shaking(port);
  idle.send(get);
  CHECK(body_of(idle.response()) == "root");
  busy.send(ask("/slow"));
  while (!inside) std::this_thread::yield();
  std::thread stops([this] { app->stop(); });
  CHECK(idle.receive() == "[goodbye]");
  CHECK(shaking.receive() == "");
  go = true;
  CHECK(busy.receive().ends_with("slow[goodbye]"));
  stops.join();
}

TEST_CASE_FIXTURE(with_tls, "many clients at once, on several loops") {
  auto options = with({});
  options.threads = 3;
  start(options);
  std::vector<std::thread> threads;
  std::atomic<int> answered{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        tls_client c(port, {.authority = ca.file()});
        c.send(get);
        answered += body_of(c.response()) == "root";
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(answered == 40);
}

// ---- plain HTTP beside it

TEST_CASE_FIXTURE(with_tls,
                  "answers over TLS tell browsers to come back that way, plain ones do not") {
  app->get("/own", [] {
    return aft::response{200, "x", "text/plain", {{"Strict-Transport-Security", "max-age=1"}}};
  });
  start();
  const auto line = "Strict-Transport-Security: max-age=31536000\r\n";
  tls_client c(port);
  for (const std::string path : {"/", "/json", "/missing", "/big", "/stream"}) {
    tls_client one(port);
    one.send(ask(path, "Connection: close\r\n"));
    CHECK(count(one.receive(), line) == 1);
  }
  c.send(ask("/own"));
  const auto own_word = c.response();
  CHECK(has(own_word, "Strict-Transport-Security: max-age=1\r\n"));
  CHECK(count(own_word, "Strict-Transport-Security") == 1);
  c.send("nonsense\r\n\r\n");
  CHECK(has(c.receive(), line));
  CHECK(!has(plainly(get), "Strict-Transport-Security"));
}

TEST_CASE_FIXTURE(with_tls, "where browsers are not to be told, they are not") {
  start({.hsts = {}});
  tls_client c(port);
  c.send(get);
  CHECK(!has(c.response(), "Strict-Transport-Security"));
}

TEST_CASE_FIXTURE(with_tls, "pages are sent on to HTTPS, and API calls are not") {
  app->get("/.well-known/acme-challenge/{token}", [](std::string token) { return token; });
  app->get("/.well-known/other", [] { return number{1}; });
  start();
  const auto there = "https://localhost:" + std::to_string(port);
  for (const std::string target : {"/", "/secure?a=b&c", "/socket"}) {
    for (const std::string method : {"GET ", "HEAD "}) {
      client c(plain_port);
      c.send(method + target + " HTTP/1.1\r\nHost: localhost:1234\r\nConnection: close\r\n\r\n");
      const auto got = c.receive();
      CHECK(got.starts_with("HTTP/1.1 308 "));
      CHECK(has(got, "\r\nLocation: " + there + target + "\r\n"));
    }
  }
  client absolute(plain_port);
  absolute.send(
      "GET http://example.test:80/ HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\n\r\n");
  CHECK(has(absolute.receive(), "Location: https://example.test:" + std::to_string(port) + "/"));

  CHECK(body_of(plainly(ask("/.well-known/acme-challenge/abc"))) == "abc");
  for (const std::string& request :
       {ask("/json"), ask("/missing"), ask("/.well-known/other"),
        ask("/.well-known/acme-challenge"), ask("/", "Authorization: Bearer x\r\n"),
        ask("/socket", "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"s,
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"s,
        "OPTIONS /echo HTTP/1.1\r\nHost: localhost\r\n\r\n"s}) {
    CAPTURE(request);
    const auto got = plainly(request);
    CHECK(got.starts_with("HTTP/1.1 403 "));
    CHECK(has(got, "application/problem+json"));
    CHECK(has(got, "\"code\":\"https_only\""));
    CHECK(has(got, "HTTPS"));
    CHECK(!has(got, "Location"));
  }
  CHECK(posted == 0);
  CHECK(plainly("GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n").starts_with("HTTP/1.1 421 "));
  client nameless(plain_port);
  nameless.send("GET / HTTP/1.0\r\n\r\n");
  CHECK(nameless.receive().starts_with("HTTP/1.1 403 "));
}

TEST_CASE_FIXTURE(with_tls, "a large body at the plain port is refused before it is read") {
  start();
  client c(plain_port);
  c.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n" +
         std::string(900'000, 'x'));
  CHECK(c.receive().starts_with("HTTP/1.1 403 "));
}

TEST_CASE_FIXTURE(with_tls, "plain sockets may serve everything, and Unix sockets always do") {
  auto options = with({.redirect_pages = false});
  start(options);
  CHECK(body_of(plainly(ask("/json"))) == R"({"n":7})");
  CHECK(body_of(plainly(ask("/secure"))) == "no");
  app->stop();
  options.tls.redirect_pages = true;
  options.also = {"http://[::1]:0", "unix:" + folder / "app.sock"};
  app->start(options);
  const auto places = app->endpoints();
  REQUIRE(places.size() == 3);
  CHECK(places[1].url().starts_with("http://[::1]:"));
  CHECK(places[2].url() == "unix:" + folder / "app.sock");
  CHECK(!places[2].secure);
  app->stop();
  options.address = options.also[1];
  options.also = {"http://127.0.0.1:0"};
  CHECK(has(refused(options), "no TCP socket that speaks TLS"));
}

TEST_CASE_FIXTURE(with_tls, "a proxy that is trusted says what is secure") {
  auto options = with({});
  options.trusted_proxies = {"127.0.0.1"};
  start(options);
  CHECK(body_of(plainly(ask("/json", "X-Forwarded-Proto: https\r\n"))) == R"({"n":7})");
  CHECK(plainly(ask("/json", "X-Forwarded-Proto: http\r\n")).starts_with("HTTP/1.1 403 "));
  CHECK(plainly(ask("/json", "X-Forwarded-Proto: https, http\r\n")).starts_with("HTTP/1.1 403 "));
}

TEST_CASE_FIXTURE(with_tls, "\"http://\" says nothing where there are no certificates") {
  app->start({.port = 0, .also = {"http://127.0.0.1:0"}});
  client c(app->endpoints().at(1).port);
  c.send(get);
  CHECK(body_of(c.response()) == "root");
  CHECK(has(refused({.port = 0, .also = {"https://127.0.0.1:0"}}), "started already"));
  app->stop();
  CHECK(has(refused({.port = 0, .also = {"https://127.0.0.1:0"}}), "no place to listen at"));
}

// ---- WebSockets

namespace {

std::string frame(int first, std::string_view payload) {
  std::string f(1, char(first));
  const auto size = payload.size();
  if (size < 126) {
    f += char(0x80 | int(size));
  } else if (size < 65536) {
    f += "\xfe"s + char(size >> 8) + char(size & 255);
  } else {
    f += '\xff';
    for (int i = 7; i >= 0; --i) f += char(size >> 8 * i & 255);
  }
  const std::string mask = "\x12\x34\x56\x78";
  f += mask;
  for (std::size_t i = 0; i < size; ++i) f += char(payload[i] ^ mask[i % 4]);
  return f;
}
constexpr int text = 0x81, packed_text = 0xc1, closing = 0x88;

struct socket_client : tls_client {
  explicit socket_client(std::uint16_t port, const std::string& lines = "",
                         const tls_client_options& o = {})
      : tls_client(port, o) {
    send(ask("/socket",
             "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
                 lines));
    head = response();
  }
  // Its first byte, and its payload.
  std::pair<int, std::string> next() {
    const auto start = receive(2);
    if (start.size() != 2) return {0, start};
    std::size_t size = static_cast<unsigned char>(start[1]);
    const std::size_t bytes = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (bytes) {
      size = 0;
      for (const unsigned char c : receive(bytes)) size = size << 8 | c;
    }
    return {static_cast<unsigned char>(start[0]), receive(size)};
  }
  std::string head;
};

}  // namespace

TEST_CASE_FIXTURE(with_tls, "a WebSocket goes on over TLS") {
  start();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    socket_client c(port, "", {.version = version});
    CHECK(c.head.starts_with("HTTP/1.1 101 "));
    CHECK(has(c.head, "Strict-Transport-Security: max-age=31536000\r\n"));
    std::size_t sizes[] = {0, 1, 125, 126, 65535, 65536, 5'000'000};
    for (const auto size : sizes) {
      const std::string message(size, 'm');
      c.send(frame(text, message));
      CHECK(c.next() == std::pair(text, message));
    }
    c.plain().send(c.encrypted(frame(text, "byte by byte"), 1));
    CHECK(c.next() == std::pair(text, "byte by byte"s));
    std::string many;
    for (int i = 0; i < 500; ++i) many += frame(text, std::to_string(i));
    c.send(many);
    for (int i = 0; i < 500; ++i) CHECK(c.next().second == std::to_string(i));
    c.send(frame(closing, "\x03\xe8"));
    CHECK(c.next() == std::pair(closing, "\x03\xe8"s));
    CHECK(c.receive() == "[goodbye]");
  }
}

TEST_CASE_FIXTURE(with_tls, "a WebSocket over TLS packs its messages where both want it") {
  start();
  socket_client c(port, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
  CHECK(has(c.head, "Sec-WebSocket-Extensions: permessage-deflate"));
  const std::string message(100'000, 'p');
  c.send(frame(text, message));
  const auto packed = c.next();
  CHECK(packed.first == packed_text);
  CHECK(packed.second.size() < 1000);
  c.send(frame(packed_text, packed.second));
  CHECK(c.next().first == packed_text);
}

TEST_CASE_FIXTURE(with_tls, "messages that came with the handshake are not lost") {
  start();
  tls_client c(port);
  const auto hello =
      ask("/socket",
          "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
  for (const std::size_t record : {std::size_t(16 * 1024), std::size_t(50)}) {
    tls_client one(port);
    one.plain().send(one.encrypted(hello + frame(text, "first") + frame(text, "second"), record));
    CHECK(one.response().starts_with("HTTP/1.1 101 "));
    CHECK(one.receive(7) ==
          "\x81\x05"
          "first");
    CHECK(one.receive(8) == "\x81\x06second");
  }
}

TEST_CASE_FIXTURE(with_tls, "peers that are cut off, or that the server leaves, come to an end") {
  start();
  {
    socket_client cut(port), half(port);
    const auto bytes = half.encrypted(frame(text, "never"));
    half.plain().send(std::string_view(bytes).substr(0, bytes.size() / 2));
    CHECK(cut.head.starts_with("HTTP/1.1 101 "));
  }
  socket_client c(port);
  c.send(frame(text, "there"));
  CHECK(c.next().second == "there");
  std::thread stops([this] { app->stop(); });
  CHECK(c.next() == std::pair(closing, "\x03\xe9"s));
  c.send(frame(closing, "\x03\xe9"));
  CHECK(c.receive() == "[goodbye]");
  c.plain().end();
  stops.join();
}

TEST_CASE_FIXTURE(with_tls, "requests are answered beside a WebSocket, while Asio waits for both") {
  auto options = with({});
  options.threads = 1;
  start(options);
  socket_client socket(port);
  tls_client c(port), large(port);
  std::string many;
  for (int i = 0; i < 100; ++i) many += get;
  c.plain().send(c.encrypted(many, 50));
  for (int i = 0; i < 100; ++i) REQUIRE(body_of(c.response()) == "root");
  large.send(ask("/big"));
  CHECK(body_of(large.response()).size() == 10'000'000);
  c.send(ask("/", "Connection: close\r\n"));
  CHECK(c.receive().ends_with("root[goodbye]"));
  socket.send(frame(text, "still here"));
  CHECK(socket.next().second == "still here");
}

TEST_CASE_FIXTURE(with_tls, "a server on the host's io_context speaks TLS too") {
  boost::asio::io_context io;
  auto options = with({});
  port = app->start_on(io, options).port;
  std::thread runs([&] { io.run(); });
  {
    tls_client c(port, {.authority = ca.file()});
    for (const std::size_t record : {std::size_t(16 * 1024), std::size_t(10)}) {
      c.plain().send(c.encrypted(get + ask("/big") + get, record));
      CHECK(body_of(c.response()) == "root");
      CHECK(body_of(c.response()).size() == 10'000'000);
      CHECK(body_of(c.response()) == "root");
    }
    socket_client socket(port);
    socket.send(frame(text, "hello"));
    CHECK(socket.next() == std::pair(text, "hello"s));
    app->reload_certificates();
    CHECK(tls_client(port, {.authority = ca.file()}).server_name() == "first");
  }
  app->stop();
  runs.join();
}

TEST_CASE_FIXTURE(with_tls, "a proxy says before the handshake whose connection it is") {
  app->get("/client", [](const aft::request& r) { return r.client(); });
  auto options = with({.redirect_pages = false});
  options.trusted_proxies = {"127.0.0.1"};
  options.proxy_protocol = true;
  start(options);
  const auto header = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x02\x03\x04\x7f\0\0\x01\0\x50\0\x50"s;
  tls_client c(port, {.before = header});
  REQUIRE_MESSAGE(c.connected(), c.why());
  c.send(ask("/client"));
  CHECK(body_of(c.response()) == "1.2.3.4");
  tls_client none(port);
  CHECK(!none.connected());
  CHECK(body_of(plainly(header + ask("/client"))) == "1.2.3.4");
}

TEST_CASE_FIXTURE(with_tls, "who sends or reads too slowly is cut off over TLS too") {
  auto options = with({.redirect_pages = false});
  options.threads = 1;
  options.timeouts.body = options.timeouts.send = aft::milliseconds(300);
  options.timeouts.body_rate = options.timeouts.send_rate = 10'000'000;
  options.max_connections = 1;
  start(options);
  const auto room = [&] {  // whether the only connection there may be comes to its end
    for (int i = 0; i < 3000; ++i) {
      if (has(plainly(ask("/", "Connection: close\r\n")), "root")) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  };
  {
    tls_client c(port);
    c.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n");
    std::string drop;
    for (int i = 0; i < 3000; ++i) {
      if (!c.send("x")) break;
      pollfd p{c.plain().fd(), POLLIN, 0};
      if (::poll(&p, 1, 5) == 1 && (drop = c.receive(12)).size() >= 12) break;
    }
    CHECK(drop == "HTTP/1.1 408");
  }
  CHECK(room());
  tls_client c(port);
  for (int i = 0; i < 10; ++i) c.send(ask("/big"));
  CHECK(c.receive(12) == "HTTP/1.1 200");
  CHECK(room());
}
