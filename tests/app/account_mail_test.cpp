#include <aft/account_mail.hpp>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/test_client.hpp>

#include "../test_database.hpp"

namespace {

struct registration {
  std::string email = "ada@example.org", password = "kelp harbor quilt";
};
struct token_only {
  std::string token;
};

struct mailing_app {
  aft::mail_sink box;
  aft::app app;

  explicit mailing_app(aft::account_mail_options how = {.site_name = "Notes"}, int per_hour = 20)
      : app({.database = new_database(),
             .mail = {.from = "notes@example.org", .sink = &box, .max_per_hour = per_hour}}) {
    aft::accounts accounts;
    accounts.site = "https://notes.example.org";
    accounts.cost = {.memory_kib = 8192, .passes = 1};
    accounts.message_attempts.free_attempts = 100;
    accounts.on_message = aft::account_mail(std::move(how));
    app.use(std::move(accounts));
  }
  std::vector<aft::mail_sink::message> mailed() {
    app.run_due_jobs();
    return box.take();
  }
};

constexpr aft::account_message_kind all_kinds[] = {
    aft::account_message_kind::confirm_registration, aft::account_message_kind::verify_email,
    aft::account_message_kind::already_registered,   aft::account_message_kind::reset_password,
    aft::account_message_kind::confirm_new_email,    aft::account_message_kind::email_changed,
    aft::account_message_kind::password_changed,     aft::account_message_kind::second_factor_on,
    aft::account_message_kind::second_factor_off,    aft::account_message_kind::recovery_codes_made,
    aft::account_message_kind::recovery_code_used,   aft::account_message_kind::api_key_made,
    aft::account_message_kind::api_key_revoked,
};

}  // namespace

TEST_CASE("an account is confirmed by the link of a mail that was stored with the request") {
  mailing_app a;
  aft::test_client ada(a.app);
  ada.post("/api/account/register", registration{}).expect(202);
  CHECK(a.box.take().empty());  // it waits in the outbox
  const auto mails = a.mailed();
  REQUIRE(mails.size() == 1);
  CHECK(mails[0].to == "ada@example.org");
  CHECK(mails[0].mail.subject == "Notes: Confirm your e-mail address");
  CHECK(mails[0].mail.text.find("It is good once, for 24 hours.") != std::string::npos);
  const std::string before = "https://notes.example.org/account/confirm?token=";
  const auto at = mails[0].mail.text.find(before);
  REQUIRE(at != std::string::npos);
  const auto begin = at + before.size();
  const auto token = mails[0].mail.text.substr(begin, mails[0].mail.text.find('\n', begin) - begin);
  ada.post("/api/account/confirm", token_only{token}).expect(204);
  ada.post("/api/account/login", registration{}).expect(200);
}

TEST_CASE("what is not committed is not mailed") {
  mailing_app a;
  const auto send = aft::account_mail({.site_name = "Notes"});
  CHECK_THROWS_AS(a.app.db().write([&](aft::transaction& tx) {
    send(tx, {aft::account_message_kind::password_changed, "ada@example.org"});
    throw aft::bad_request("no");
  }),
                  aft::problem);
  CHECK(a.mailed().empty());
}

TEST_CASE("each message has its own words, and a link where it has a token") {
  for (const auto kind : all_kinds) {
    aft::account_message about{kind, "ada@example.org"};
    const auto plain = aft::usual_account_mail(about, "");
    CHECK(!plain.subject.empty());
    CHECK(plain.text.size() > 20);
    about.link = "https://x.example/t";
    about.valid_for = aft::minutes(30);
    const auto linked = aft::usual_account_mail(about, "Site");
    CHECK(linked.subject == "Site: " + plain.subject);
    CHECK(linked.text.find("https://x.example/t\n") != std::string::npos);
    CHECK(linked.text.find("30 minutes") != std::string::npos);
  }
}

TEST_CASE("the host may write a message itself") {
  mailing_app a({.from = "other@example.org",
                 .write = [](const aft::account_message& about) -> std::optional<aft::mail> {
                   if (about.kind != aft::account_message_kind::confirm_registration) return {};
                   aft::mail m;
                   m.subject = "Hello";
                   m.text = about.token;
                   return m;
                 }});
  aft::test_client ada(a.app);
  ada.post("/api/account/register", registration{}).expect(202);
  const auto mails = a.mailed();
  REQUIRE(mails.size() == 1);
  CHECK(mails[0].mail.subject == "Hello");
  CHECK(mails[0].to == "ada@example.org");
  CHECK(mails[0].mail.from.address == "other@example.org");
}

TEST_CASE("a mailbox that is full of our mail changes no answer") {
  mailing_app a({.site_name = "Notes"}, 1);
  aft::test_client ada(a.app);
  for (int i = 0; i < 3; ++i) ada.post("/api/account/register", registration{}).expect(202);
  CHECK(a.mailed().size() == 1);
}
