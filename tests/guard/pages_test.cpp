// The account pages, as a browser uses them.

#include <doctest/doctest.h>

#include "page_client.hpp"

TEST_CASE_FIXTURE(guarded_app, "an account is made, used and left with pages alone") {
  browser ada(app);
  ada.get("/account").expect(303).expect_header("Location", "/account/login");
  ada.get("/account/register").expect(200);
  send_form(ada, "/account/register", "email=ada%40example.org&password=password1").expect(422);
  send_form(ada, "/account/register", "email=ada&password=kelp+harbor+quilt").expect(422);
  send_form(ada, "/account/register", "email=ada%40example.org&password=kelp+harbor+quilt")
      .expect(200);
  REQUIRE(messages.size() == 1);
  const auto token = messages[0].token;
  CHECK(has_text(ada.get("/account/confirm?token=" + token).expect(200), token));
  ada.get("/account/confirm?token=" + token).expect(200);  // looking at it uses nothing up
  send_form(ada, "/account/confirm", "token=" + token).expect(200);
  send_form(ada, "/account/login", "email=ada%40example.org&password=wrong+wrong").expect(401);
  send_form(ada, "/account/login", "email=ada%40example.org&password=kelp+harbor+quilt")
      .expect(303)
      .expect_header("Location", "/");
  CHECK(has_text(ada.get("/account").expect(200), "ada@example.org"));
  send_form(ada, "/account/password", "current=wrong+wrong&password=umbrella+stand").expect(403);
  send_form(ada, "/account/password", "current=kelp+harbor+quilt&password=umbrella+stand+toast")
      .expect(303);
  send_form(ada, "/account/logout", "").expect(303);
  ada.get("/account").expect(303);
}

TEST_CASE_FIXTURE(guarded_app, "a forgotten password is replaced with pages alone") {
  add("ada@example.org");
  browser ada(app);
  const auto known = send_form(ada, "/account/forgot", "email=ada%40example.org").expect(200);
  const auto unknown = send_form(ada, "/account/forgot", "email=bob%40example.org").expect(200);
  CHECK(known.body() == unknown.body());
  REQUIRE(messages.size() == 1);
  const auto token = messages[0].token;
  ada.get("/account/reset?token=" + token)
      .expect(200)
      .expect_header("Referrer-Policy", "no-referrer");
  send_form(ada, "/account/reset", "token=" + token + "&password=umbrella+stand+toast").expect(200);
  send_form(ada, "/account/reset", "token=" + token + "&password=umbrella+stand+bread").expect(400);
  ada.log_in("ada@example.org", "umbrella stand toast").expect(200);
}

TEST_CASE_FIXTURE(guarded_app, "pages run nothing, load nothing from elsewhere, and are labelled") {
  browser ada(app);
  for (auto* at : {"/account/login", "/account/register", "/account/forgot", "/account/reset",
                   "/account/confirm"}) {
    CAPTURE(at);
    const auto r = ada.get(at).expect(200);
    const auto policy = r.response().header("Content-Security-Policy").value_or("");
    CHECK(policy.starts_with("default-src 'none'; style-src 'self'"));
    CHECK(policy.find("unsafe") == policy.npos);
    CHECK(!has_text(r, "<script"));
    CHECK(!has_text(r, "style=\""));
    CHECK(has_text(r, "<html lang=\"en\">"));
    // Each input that is seen has its label.
    std::size_t inputs = 0, labels = 0;
    for (auto i = r.body().find("<input id="); i != std::string::npos;
         i = r.body().find("<input id=", i + 1)) {
      ++inputs;
    }
    for (auto i = r.body().find("<label for="); i != std::string::npos;
         i = r.body().find("<label for=", i + 1)) {
      ++labels;
    }
    CHECK(inputs == labels);
  }
  CHECK(has_text(ada.get("/account/style.css").expect(200), "prefers-color-scheme:dark"));
}

TEST_CASE_FIXTURE(guarded_app, "passwords are masked, and password managers can fill them in") {
  browser ada(app);
  for (const auto& [at, kind] :
       std::vector<std::pair<std::string, std::string>>{{"/account/login", "current-password"},
                                                        {"/account/register", "new-password"},
                                                        {"/account/reset", "new-password"},
                                                        {"/account/again", "current-password"}}) {
    const auto page = ada.get(at).expect(200);
    CHECK(has_text(page, "type=\"password\" autocomplete=\"" + kind + "\""));
    CHECK(!has_text(page, "maxlength"));  // nor is what is pasted cut
    CHECK(!has_text(page, "autocomplete=\"off\""));
  }
}

TEST_CASE_FIXTURE(guarded_app, "what comes from a request is text on a page, never HTML") {
  browser ada(app);
  const auto r =
      send_form(ada, "/account/login", "email=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&password=x");
  CHECK(!has_text(r, "<script"));
  CHECK(has_text(r, "&lt;script&gt;"));
  CHECK(!has_text(ada.get("/account/reset?token=%22%3E%3Cb%3E"), "\"><b>"));
}

TEST_CASE_FIXTURE(guarded_app, "a form of another site is refused, also to log in") {
  add("ada@example.org");
  browser ada(app);
  for (auto* site : {"cross-site", "same-site"}) {
    ada.send({"POST",
              "/account/login",
              {{"Content-Type", "application/x-www-form-urlencoded"}, {"Sec-Fetch-Site", site}},
              "email=ada%40example.org&password=kelp+harbor+quilt"})
        .expect(403);
  }
}

TEST_CASE("a site changes the look of its pages, or has none") {
  aft::accounts how;
  how.site_name = "A & B";
  how.style = ":root{--act:#060}";
  guarded_app a(":memory:", std::move(how));
  browser ada(a.app);
  CHECK(has_text(ada.get("/account/login"), "A &amp; B"));
  CHECK(has_text(ada.get("/account/style.css"), ":root{--act:#060}"));
  aft::accounts none;
  none.pages.clear();
  guarded_app b(":memory:", std::move(none));
  browser eve(b.app);
  eve.get("/account/login").expect(404);
}
