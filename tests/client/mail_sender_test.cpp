#include <aft/client/mail_sender.hpp>

#include <doctest/doctest.h>

#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>

#include "../temporary_file.hpp"
#include "smtp_server.hpp"

namespace {

using reason = aft::mail_failure::reason;
using enum aft::smtp_options::security;

const aft::mail_envelope envelope{"shop@example.org", "ada@example.org",
                                  "Subject: Hello\r\n\r\nOne\r\n.two\r\n..\r\n"};

struct place {
  temporary_folder folder{};
  authority known{"Known", folder / "known.pem"};
  certificate_files files{known.issue(folder / "server", {.name = "localhost"})};

  aft::smtp_options options(const smtp_server& s, aft::smtp_options o = {}) const {
    o.host = "localhost";
    o.port = s.port();
    o.authorities = known.file();
    return o;
  }
};

aft::smtp_options plain(const smtp_server& s) {
  return {.host = "127.0.0.1", .port = s.port(), .secured = unsafe_plain};
}

}  // namespace

TEST_CASE("mail goes out over TLS that is begun or there from the start, with a login") {
  place here;
  const auto password = aft::to_base64(std::string("\0shop\0secret", 12));
  for (const auto secured : {starttls, tls}) {
    smtp_server server(
        {.certificate = here.files, .tls_from_start = secured == tls, .password = password});
    const aft::mail_sender sender(
        here.options(server, {.user = "shop", .password = "secret", .secured = secured}));
    const auto failure = sender.send(envelope);
    CAPTURE((failure ? failure->detail : ""));
    CHECK_FALSE(failure);
    const auto got = server.received();
    REQUIRE(got.size() == 1);
    CHECK(got[0].from == "<shop@example.org>");
    CHECK(got[0].to == "<ada@example.org>");
    CHECK(got[0].message == envelope.message);
    CHECK(got[0].secure);
  }
}

TEST_CASE("a server that offers no TLS, or that of another one, gets no mail") {
  place here;
  authority other("Other", here.folder / "other.pem");
  smtp_server bare({});
  CHECK(aft::mail_sender(here.options(bare)).send(envelope)->why == reason::tls);
  smtp_server server({.certificate = here.files});
  auto options = here.options(server);
  options.authorities = other.file();
  CHECK(aft::mail_sender(options).send(envelope)->why == reason::tls);
  options = here.options(server);
  options.host = "127.0.0.1";  // not the name in the certificate
  CHECK(aft::mail_sender(options).send(envelope)->why == reason::tls);
  CHECK(bare.received().empty());
  CHECK(server.received().empty());
}

TEST_CASE("what a server says of a mail is told with its code") {
  struct row {
    const char* command;
    const char* reply;
    reason why;
    int code;
  };
  for (const auto& r : std::vector<row>{{"RCPT", "550 no such mailbox", reason::refused, 550},
                                        {"RCPT", "450 come again", reason::try_later, 450},
                                        {"MAIL", "553 not you", reason::refused, 553},
                                        {"MAIL", "421 closing", reason::try_later, 421},
                                        {"MAIL", "530 log in first", reason::login, 530},
                                        {"DATA", "554 no", reason::refused, 554},
                                        {".", "552 too large", reason::refused, 552},
                                        {".", "451 later", reason::try_later, 451}}) {
    CAPTURE(r.command);
    CAPTURE(r.reply);
    smtp_server server({.replies = {{r.command, {r.reply}}}});
    const auto failure = aft::mail_sender(plain(server)).send(envelope);
    REQUIRE(failure);
    CHECK(failure->why == r.why);
    CHECK(failure->code == r.code);
    CHECK(server.received().empty());
  }
}

TEST_CASE("a wrong password is told from a refused mail") {
  place here;
  smtp_server server({.certificate = here.files, .password = "other"});
  const aft::mail_sender sender(here.options(server, {.user = "shop", .password = "secret"}));
  const auto failure = sender.send(envelope);
  CHECK(failure->why == reason::login);
  CHECK(failure->detail.find("secret") == std::string::npos);
}

TEST_CASE("a connection that ends leaves the mail in doubt, and nobody there is told as such") {
  for (const auto* when : {"EHLO", "MAIL", "RCPT", "DATA", "."}) {
    CAPTURE(when);
    smtp_server server({.replies = {{when, {"(drop)", "(drop)"}}}});
    CHECK(aft::mail_sender(plain(server)).send(envelope)->why == reason::broken);
  }
  const auto port = std::uint16_t(std::stoi(unused_port()));
  const aft::mail_sender nowhere({.host = "127.0.0.1", .port = port, .secured = unsafe_plain});
  CHECK(nowhere.send(envelope)->why == reason::cannot_connect);
}

TEST_CASE("a server that is silent is left in time, or when it is cancelled") {
  raw_server silent({});
  const auto port = std::uint16_t(std::stoi(silent.url().substr(17)));
  const aft::mail_sender quick({.host = "127.0.0.1",
                                .port = port,
                                .secured = unsafe_plain,
                                .timeout = aft::milliseconds(50)});
  CHECK(quick.send(envelope)->why == reason::timed_out);
  const aft::mail_sender patient({.host = "127.0.0.1", .port = port, .secured = unsafe_plain});
  CHECK(patient.send(envelope, [] { return true; })->why == reason::cancelled);
}

TEST_CASE("options that cannot work are refused when they are given") {
  CHECK_THROWS_AS(aft::mail_sender({}), aft::configuration_error);
  CHECK_THROWS_AS(aft::mail_sender({.host = "a/b"}), aft::configuration_error);
  CHECK_THROWS_AS(aft::mail_sender({.host = "a", .name = "b\r\nc"}), aft::configuration_error);
  CHECK_THROWS_AS(aft::mail_sender({.host = "a", .user = "u", .secured = unsafe_plain}),
                  aft::configuration_error);
  const aft::mail_sender sender({.host = "127.0.0.1"});
  CHECK_THROWS_AS(static_cast<void>(sender.send({"a@b", "c@d>\r\nRCPT TO:<e@f", "x"})), aft::error);
}
