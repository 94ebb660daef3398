#include <aft/outbox/webhooks.hpp>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/client/webhook.hpp>
#include <aft/jobs/control.hpp>

#include "../client/raw_server.hpp"
#include "../test_database.hpp"

namespace {

struct paid {
  std::int64_t order;
};

std::string answer(const std::string& status, const std::string& lines = "") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: 0\r\n" + lines + "\r\n";
}

struct hook_app {
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  aft::key_ring keys{{aft::make_sealing_key("k1")}};
  std::vector<std::string> disabled{};
  aft::app app;

  explicit hook_app(std::vector<std::string> networks = {"127.0.0.0/8"})
      : app({.database = new_database(),
             .webhooks = {.keys = &keys,
                          .unsafe_http = true,
                          .also_allowed = std::move(networks),
                          .on_disabled =
                              [this](const aft::webhook_endpoint& e) {
                                disabled.push_back(*e.why_disabled);
                              }},
             .time = &time}) {}

  const aft::webhooks& hooks() { return app.hooks(); }
  auto add(const std::string& url, const std::vector<std::string>& types = {}) {
    return app.db().write([&](aft::transaction& tx) { return hooks().add(tx, url, types); });
  }
  std::string send(std::string_view type = "order.paid", std::int64_t order = 7) {
    return app.db().write(
        [&](aft::transaction& tx) { return hooks().send(tx, type, paid{order}); });
  }
  auto deliveries(std::int64_t endpoint) {
    return app.db().read([&](aft::reader& db) { return hooks().deliveries(db, endpoint); });
  }
  aft::webhook_endpoint endpoint(std::size_t index = 0) {
    return app.db().read([&](aft::reader& db) { return hooks().endpoints(db).at(index); });
  }
  template <class F>
  auto write(F&& f) {
    return app.db().write([&](aft::transaction& tx) { return f(tx); });
  }
};

std::string line_of(const std::string& request, const std::string& name) {
  const auto at = request.find("\r\n" + name + ": ");
  if (at == request.npos) return {};
  const auto from = at + name.size() + 4;
  return request.substr(from, request.find("\r\n", from) - from);
}

// Whether it is signed with the secret.
bool is_signed(const std::string& request, const std::string& secret, aft::time_point now) {
  return bool(aft::webhook_signer(secret).verify(
      line_of(request, "webhook-id"), line_of(request, "webhook-timestamp"),
      line_of(request, "webhook-signature"), request.substr(request.find("\r\n\r\n") + 4), now));
}

}  // namespace

TEST_CASE("a message goes to each endpoint that wants it, signed with that one's secret") {
  hook_app a;
  raw_server first({answer("200 OK")}), second({answer("204 No Content")}), third({});
  const auto one = a.add(first.url());
  const auto two = a.add(second.url(), {"order.paid", "order.lost"});
  const auto other = a.add(third.url(), {"user.created"});
  REQUIRE(one);
  const auto id = a.send();
  CHECK(first.received().empty());
  a.app.run_due_jobs();
  REQUIRE(first.received().size() == 1);
  REQUIRE(second.received().size() == 1);
  CHECK(third.received().empty());
  const auto got = first.received()[0];
  CHECK(line_of(got, "webhook-id") == id);
  CHECK(line_of(got, "Content-Type") == "application/json");
  CHECK(got.ends_with(
      R"({"type":"order.paid","timestamp":"2026-01-31T12:00:00Z","data":{"order":7}})"));
  CHECK(is_signed(got, one->secret, a.time.now()));
  CHECK_FALSE(is_signed(got, two->secret, a.time.now()));
  CHECK(is_signed(second.received()[0], two->secret, a.time.now()));
  CHECK(a.deliveries(one->id)[0].state == aft::webhook_state::delivered);
  CHECK(a.deliveries(two->id)[0].status == 204);
  CHECK(a.deliveries(other->id).empty());
}

TEST_CASE("what is not taken is tried ten times, by the schedule, and then given up") {
  hook_app a;
  std::vector<std::string> answers(10, answer("500 Oops"));
  answers[1] = answer("301 Moved", "Location: http://127.0.0.1:1/\r\n");  // not followed
  raw_server server(answers);
  const auto e = a.add(server.url());
  a.send();
  const aft::duration delays[] = {aft::seconds(5), aft::minutes(5), aft::minutes(30),
                                  aft::hours(2),   aft::hours(5),   aft::hours(10),
                                  aft::hours(14),  aft::hours(20),  aft::hours(24)};
  std::size_t attempts = 1;
  for (const auto delay : delays) {
    a.app.run_due_jobs();
    CHECK(server.received().size() == attempts);
    CHECK(a.deliveries(e->id)[0].state == aft::webhook_state::waiting);
    a.time.advance(delay - aft::seconds(1));
    a.app.run_due_jobs();
    CHECK(server.received().size() == attempts);  // not yet
    a.time.advance(delay / 10 + aft::seconds(2));
    ++attempts;
  }
  a.app.run_due_jobs();
  const auto got = server.received();
  REQUIRE(got.size() == 10);
  CHECK(line_of(got[0], "webhook-id") == line_of(got[9], "webhook-id"));
  CHECK(line_of(got[0], "webhook-timestamp") != line_of(got[9], "webhook-timestamp"));
  CHECK(is_signed(got[9], e->secret, a.time.now()));
  const auto end = a.deliveries(e->id)[0];
  CHECK(end.state == aft::webhook_state::given_up);
  CHECK(end.attempts == 10);
  CHECK(end.error == "it answered 500");
  a.time.advance(aft::days(2));
  a.app.run_due_jobs();
  CHECK(server.received().size() == 10);
}

TEST_CASE("a later success ends the attempts, and Retry-After counts where it is longer") {
  hook_app a;
  raw_server server({answer("503 Busy", "Retry-After: 3600\r\n"), "", answer("200 OK")});
  const auto e = a.add(server.url());
  a.send();
  a.app.run_due_jobs();
  a.time.advance(aft::minutes(59));
  a.app.run_due_jobs();
  CHECK(server.received().size() == 1);
  a.time.advance(aft::minutes(2));
  a.app.run_due_jobs();
  CHECK(server.received().size() == 2);
  CHECK(a.endpoint().failing_since);
  a.time.advance(aft::minutes(10));
  a.app.run_due_jobs();
  CHECK(a.deliveries(e->id)[0].state == aft::webhook_state::delivered);
  CHECK(a.deliveries(e->id)[0].attempts == 3);
  CHECK_FALSE(a.endpoint().failing_since);
}

TEST_CASE("410 disables an endpoint, and what waits for it is given up") {
  hook_app a;
  raw_server server({answer("500 Oops"), answer("410 Gone"), answer("200 OK"), answer("200 OK")});
  const auto e = a.add(server.url());
  a.send("first");
  a.app.run_due_jobs();
  a.send("second");
  a.app.run_due_jobs();
  CHECK_FALSE(a.endpoint().is_enabled);
  CHECK(a.disabled == std::vector<std::string>{"it answered 410 Gone"});
  a.time.advance(aft::hours(1));
  a.app.run_due_jobs();
  CHECK(server.received().size() == 2);
  const auto all = a.deliveries(e->id);
  CHECK(all[0].state == aft::webhook_state::given_up);
  CHECK(all[1].state == aft::webhook_state::given_up);
  a.send("third");
  CHECK(a.deliveries(e->id).size() == 2);
  // Enabled again, what was given up can be delivered after all.
  CHECK(a.write([&](aft::transaction& tx) { return a.hooks().enable(tx, e->id); }));
  CHECK(a.write([&](aft::transaction& tx) { return a.hooks().replay(tx, all[1].id); }));
  a.app.run_due_jobs();
  CHECK(a.deliveries(e->id)[1].state == aft::webhook_state::delivered);
  CHECK(line_of(server.received()[2], "webhook-id") == all[1].message_id);
}

TEST_CASE("an endpoint that fails for days is disabled") {
  hook_app a;
  raw_server server(std::vector<std::string>(3, answer("500 Oops")));
  a.add(server.url());
  a.send();
  a.app.run_due_jobs();
  a.time.advance(aft::days(5));
  a.app.run_due_jobs();
  CHECK_FALSE(a.endpoint().is_enabled);
  CHECK(a.endpoint().why_disabled == "it has failed for too long");
}

TEST_CASE("while a secret is changed both sign, and then the new one alone") {
  hook_app a;
  raw_server server({answer("200 OK"), answer("200 OK")});
  const auto e = a.add(server.url());
  const auto fresh =
      a.write([&](aft::transaction& tx) { return a.hooks().rotate_secret(tx, e->id); });
  REQUIRE(fresh);
  a.send();
  a.app.run_due_jobs();
  CHECK(is_signed(server.received()[0], e->secret, a.time.now()));
  CHECK(is_signed(server.received()[0], *fresh, a.time.now()));
  a.time.advance(aft::days(1));
  a.send();
  a.app.run_due_jobs();
  CHECK_FALSE(is_signed(server.received()[1], e->secret, a.time.now()));
  CHECK(is_signed(server.received()[1], *fresh, a.time.now()));
  CHECK_FALSE(a.write([&](aft::transaction& tx) { return a.hooks().rotate_secret(tx, 99); }));
}

TEST_CASE("endpoints inside are not reached, and what is no URL is not taken") {
  hook_app a(std::vector<std::string>{});
  raw_server server({answer("200 OK")});
  const auto e = a.add(server.url());
  REQUIRE(e);
  a.send();
  a.app.run_due_jobs();
  CHECK(server.received().empty());
  CHECK(a.deliveries(e->id)[0].error->starts_with("refused_address"));
  for (const auto* url : {"", "ftp://a.example/", "https://u:p@a.example/", "/x"}) {
    CHECK_FALSE(a.add(url));
  }
}

TEST_CASE("secrets do not lie open in the database, and removed endpoints get nothing") {
  hook_app a;
  raw_server server({});
  const auto e = a.add(server.url());
  const auto kept =
      a.app.db().one<std::vector<std::byte>>("select secret from aft_webhook_endpoint");
  const std::string bytes(reinterpret_cast<const char*>(kept.data()), kept.size());
  CHECK(bytes.find(e->secret.substr(6)) == std::string::npos);
  a.send();
  CHECK(a.write([&](aft::transaction& tx) { return a.hooks().remove(tx, e->id); }));
  CHECK_FALSE(a.write([&](aft::transaction& tx) { return a.hooks().remove(tx, e->id); }));
  a.app.run_due_jobs();
  CHECK(server.received().empty());
  CHECK_FALSE(a.write([&](aft::transaction& tx) { return a.hooks().replay(tx, 1); }));
}

TEST_CASE("handlers take the webhooks, and an app without them says so") {
  hook_app a;
  a.app.post("/", [](aft::transaction& tx, aft::webhooks& hooks) {
    return hooks.send(tx, "order.paid", paid{1});
  });
  CHECK(a.app.handle({"POST", "/"}).body.starts_with("msg_"));
  CHECK_THROWS_AS(a.write([&a](aft::transaction& tx) {
    return a.hooks().send(tx, "large", std::string(300'000, 'a'));
  }),
                  aft::error);
  aft::app none;
  CHECK_THROWS_AS(none.hooks(), aft::configuration_error);
}
