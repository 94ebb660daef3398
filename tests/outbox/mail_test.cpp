#include <aft/outbox/mail.hpp>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/jobs/control.hpp>

#include "../client/smtp_server.hpp"
#include "../test_database.hpp"

namespace {

struct mail_app {
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  aft::mail_sink sink{};
  aft::app app;

  explicit mail_app(aft::mail_options options = {}, const smtp_server* server = nullptr)
      : app({.database = new_database(),
             .time = &time,
             .mail = complete(std::move(options), server)}) {}

  auto send(const aft::mail& m) {
    return app.db().write([&](aft::transaction& tx) { return aft::send_mail(tx, m); });
  }
  std::vector<aft::outgoing_mail> list() {
    return app.db().read([](aft::reader& db) { return aft::list_mail(db); });
  }
  std::int64_t count(aft::jobs::job_state state) {
    return std::int64_t(
        app.db()
            .read([&](aft::reader& db) { return aft::jobs::list(db, {.state = state}); })
            .size());
  }

 private:
  aft::mail_options complete(aft::mail_options o, const smtp_server* server) {
    o.from = {"shop@example.org", "Shop"};
    if (server) {
      o.smtp = {.host = "127.0.0.1",
                .port = server->port(),
                .secured = aft::smtp_options::security::unsafe_plain};
    } else {
      o.sink = &sink;
    }
    return o;
  }
};

const aft::mail hello{.to = {"ada@example.org"}, .subject = "Hello", .text = "One\n"};

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("mail goes out when its transaction commits, to each recipient alone") {
  mail_app a;
  auto m = hello;
  m.cc = {"bob@example.org"};
  m.bcc = {"carol@example.org", "ADA@example.org"};
  m.attachments = {{"a.bin", "application/octet-stream", std::string("\0\xff", 2)}};
  m.headers = {{"X-Shop", "1"}};
  const auto id = a.send(m);
  REQUIRE(id);
  CHECK(a.sink.take().empty());
  a.app.run_due_jobs();
  const auto got = a.sink.take();
  REQUIRE(got.size() == 3);
  for (const auto& one : got) {
    CHECK(one.message_id == *id);
    CHECK(one.mail.subject == "Hello");
    CHECK(one.mail.attachments[0].content == std::string("\0\xff", 2));
    CHECK(one.text == got[0].text);
  }
  CHECK(got[0].to == "ada@example.org");
  CHECK(got[2].to == "carol@example.org");
  CHECK(has(got[0].text, "From: \"Shop\" <shop@example.org>\r\n"));
  CHECK(has(got[0].text, "X-Shop: 1\r\n"));
  CHECK_FALSE(has(got[0].text, "carol"));
  const auto listed = a.list();
  REQUIRE(listed.size() == 3);
  CHECK(listed[0].state == aft::mail_state::sent);
  CHECK(listed[0].to == "carol@example.org");
  CHECK(listed[0].done_at == a.time.now());
  // Its text is not kept.
  CHECK(a.app.db().one<std::string>("select mail from aft_mail").empty());
}

TEST_CASE("mail of a transaction that is undone is never sent") {
  mail_app a;
  CHECK_THROWS_WITH(a.app.db().write([](aft::transaction& tx) {
    CHECK(aft::send_mail(tx, hello));
    throw aft::error("undone");
  }),
                    "undone");
  a.app.run_due_jobs();
  CHECK(a.sink.take().empty());
  CHECK(a.list().empty());
}

TEST_CASE("mail that cannot be is refused with its reason, and nothing of it is kept") {
  mail_app a({.max_recipients = 2, .max_bytes = 5'000});
  using enum aft::mail_refusal;
  auto m = hello;
  m.to = {"no address"};
  CHECK(a.send(m).reason() == bad_address);
  m.to = {};
  CHECK(a.send(m).reason() == no_recipient);
  m.to = {"a@b", "b@b", "c@b"};
  CHECK(a.send(m).reason() == too_many_recipients);
  m = hello;
  m.subject = "a\r\nBcc: d@b";
  CHECK(a.send(m).reason() == bad_header);
  m = hello;
  m.text = std::string(5'000, 'a');
  CHECK(a.send(m).reason() == too_large);
  CHECK(a.list().empty());
  CHECK(a.app.run_due_jobs() == 0);
}

TEST_CASE("one recipient gets no more than his share of an hour and of a day") {
  mail_app a({.max_per_hour = 2, .max_per_day = 3});
  auto again = hello;
  again.to = {"Ada@Example.org"};
  CHECK(a.send(hello));
  CHECK(a.send(again));
  CHECK(a.send(hello).reason() == aft::mail_refusal::recipient_limit);
  CHECK(a.send({.to = {"bob@example.org"}, .text = "other"}));
  CHECK(a.send({.to = {"bob@example.org", "ada@example.org"}}).reason() ==
        aft::mail_refusal::recipient_limit);
  a.time.advance(aft::hours(1));
  CHECK(a.send(hello));
  a.time.advance(aft::hours(1));
  CHECK(a.send(hello).reason() == aft::mail_refusal::recipient_limit);
  a.time.advance(aft::days(1));
  CHECK(a.send(hello));
}

TEST_CASE("a server takes the mail, with an envelope for each recipient") {
  smtp_server server({});
  mail_app a({}, &server);
  auto m = hello;
  m.to.push_back("Bob.B@example.org");
  const auto id = a.send(m);
  a.app.run_due_jobs();
  const auto got = server.received();
  REQUIRE(got.size() == 2);
  CHECK(got[0].from == "<shop@example.org>");
  CHECK(got[0].to == "<ada@example.org>");
  CHECK(got[1].to == "<Bob.B@example.org>");
  CHECK(got[0].message == got[1].message);
  CHECK(has(got[0].message, "Message-ID: " + *id + "\r\n"));
}

TEST_CASE("what is refused for a while is sent later, with the same message id") {
  smtp_server server({.replies = {{"RCPT", {"450 greylisted"}}, {".", {"(drop)", "451 busy"}}}});
  mail_app a({}, &server);
  const auto id = a.send(hello);
  for (int attempt = 0; attempt < 3; ++attempt) {
    a.app.run_due_jobs();
    const auto listed = a.list();
    CHECK(listed[0].state == aft::mail_state::waiting);
    CHECK(listed[0].error);
    a.time.advance(aft::hours(1));
  }
  CHECK(server.received().empty());
  a.app.run_due_jobs();
  REQUIRE(server.received().size() == 1);
  CHECK(has(server.received()[0].message, *id));
  CHECK(has(server.received()[0].message, "Date: Sat, 31 Jan 2026 12:00:00 +0000\r\n"));
  CHECK(a.list()[0].state == aft::mail_state::sent);
  CHECK_FALSE(a.list()[0].error);
  CHECK(server.connections() == 4);
}

TEST_CASE("what is refused for good is given up, for that recipient alone") {
  smtp_server server({.replies = {{"RCPT", {"550 no such mailbox"}}}});
  mail_app a({}, &server);
  auto m = hello;
  m.to.push_back("bob@example.org");
  CHECK(a.send(m));
  a.app.run_due_jobs();
  const auto listed = a.list();
  CHECK(listed[1].state == aft::mail_state::given_up);
  CHECK(has(*listed[1].error, "550"));
  CHECK(listed[0].state == aft::mail_state::sent);
  CHECK(server.received().size() == 1);
  CHECK(a.count(aft::jobs::job_state::cancelled) == 1);
  a.time.advance(aft::days(1));
  CHECK(a.app.run_due_jobs() == 0);
}

TEST_CASE("mail whose server stays away is given up after its attempts") {
  smtp_server server({.replies = {{"MAIL", {"421 away", "421 away", "421 away"}}}});
  mail_app a({.max_attempts = 2}, &server);
  CHECK(a.send(hello));
  for (int i = 0; i < 4; ++i) {
    a.app.run_due_jobs();
    a.time.advance(aft::days(1));
  }
  CHECK(a.list()[0].state == aft::mail_state::given_up);
  CHECK(server.connections() == 2);
  CHECK(a.count(aft::jobs::job_state::dead) == 1);
}

TEST_CASE("what was sent is forgotten in time, and what waits is not") {
  mail_app a({.keep = aft::days(2)});
  CHECK(a.send(hello));
  a.app.run_due_jobs();
  a.time.advance(aft::days(3));
  CHECK(a.send(hello));
  a.app.run_due_jobs();
  CHECK(a.list().size() == 1);
}

TEST_CASE("an app without mail says so") {
  aft::app app({.database = new_database()});
  CHECK_THROWS_AS(
      app.db().write([](aft::transaction& tx) { static_cast<void>(aft::send_mail(tx, hello)); }),
      aft::error);
  aft::app none({.mail = {.from = "a@b"}});
  CHECK_THROWS_AS(none.prepare(), aft::configuration_error);
  aft::app wrong({.database = new_database(), .mail = {.smtp = {.host = "a b"}}});
  CHECK_THROWS_AS(wrong.prepare(), aft::configuration_error);
}
