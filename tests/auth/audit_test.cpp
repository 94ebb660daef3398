#include <aft/auth/audit.hpp>

#include <functional>
#include <thread>

#include <doctest/doctest.h>

#include <aft/app.hpp>

#include "token_fixture.hpp"

namespace {

struct audit_fixture : token_fixture {
  aft::key_ring ring{{aft::make_sealing_key("1")}};
  aft::audit_log log{&ring};

  void append(const std::string& event, const std::string& actor = "7") {
    write([&](aft::transaction& tx) {
      log.append(tx, {.event = event, .actor = actor, .target = "note 1", .address = "192.0.2.1"});
    });
    time.advance(aft::seconds(1));
  }
  void fill() {
    for (int i = 0; i < 5; ++i) append("sensitive_read", std::to_string(i));
  }
  aft::audit_verdict verify(const aft::audit_log& by, std::optional<aft::audit_head> known = {}) {
    return db.read([&](aft::reader& r) { return by.verify(r, known); });
  }
  std::string why() { return verify(log).why; }
  aft::audit_head head() {
    return db.read([](aft::reader& r) { return aft::audit_log::head(r); });
  }
  std::vector<aft::audit_row> rows() {
    return db.read([](aft::reader& r) { return aft::audit_log::list(r); });
  }
  void tamper(const std::function<void(aft::transaction&)>& how) { db.write(how); }
};

}  // namespace

TEST_CASE_FIXTURE(audit_fixture, "the log says who did what, when and from where") {
  const auto begun = time.now();
  write([&](aft::transaction& tx) {
    struct facts {
      std::string why;
    };
    CHECK(log.append(tx, {.event = std::string(aft::audit_event::login_fail),
                          .actor = "7",
                          .target = "session",
                          .level = aft::audit_level::warning,
                          .address = "192.0.2.1",
                          .agent = "curl",
                          .request_id = "r1",
                          .details = aft::audit_details(facts{"wrong password"})}) == 1);
  });
  const auto all = rows();
  REQUIRE(all.size() == 1);
  CHECK(all[0].event == "authn_login_fail");
  CHECK(all[0].at == begun);
  CHECK(all[0].actor == "7");
  CHECK(all[0].level == "WARN");
  CHECK(all[0].address == "192.0.2.1");
  CHECK(all[0].details == R"({"why":"wrong password"})");
  CHECK(verify(log).is_sound);
  CHECK(verify(log).rows == 1);
}

TEST_CASE_FIXTURE(audit_fixture, "a row is there with what it tells of, or neither is") {
  try {
    write([&](aft::transaction& tx) {
      log.append(tx, {.event = "user_deleted"});
      throw aft::error("undone");
    });
  } catch (const aft::error&) {}
  CHECK(rows().empty());
  CHECK(verify(log).is_sound);
}

TEST_CASE_FIXTURE(audit_fixture, "any column that is changed in any row is found") {
  fill();
  REQUIRE(verify(log).is_sound);
  for (const auto* column : {"event", "level", "actor", "target", "address", "agent", "request",
                             "details", "hash", "seal"}) {
    CAPTURE(column);
    const auto before = db.read([&](aft::reader& r) {
      return r.one<std::string>(
          aft::sql_text("select").add_name(column).add("from aft_audit where id = 3"));
    });
    const auto set = [&](const std::string& value) {
      tamper([&](aft::transaction& tx) {
        tx.execute(
            aft::sql_text("update aft_audit set").add_name(column).add("= $1 where id = 3", value));
      });
    };
    set(before + "x");
    CHECK(!verify(log).is_sound);
    CHECK(verify(log).where == 3);
    set(before);
    CHECK(verify(log).is_sound);
  }
  tamper([](aft::transaction& tx) {
    tx.execute("update aft_audit set at = $1 where id = 3", tx.now());
  });
  CHECK(why() == "the row was changed");
}

TEST_CASE_FIXTURE(audit_fixture,
                  "a row that is removed is found: the first, one between, the last") {
  for (const std::int64_t id : {1, 3, 5}) {
    CAPTURE(id);
    storage_fixture other;
    fill();
    tamper([&](aft::transaction& tx) { tx.execute("delete from aft_audit where id = $1", id); });
    CHECK(!verify(log).is_sound);
    tamper([](aft::transaction& tx) {
      tx.execute("delete from aft_audit");
      tx.execute("update aft_audit_head set last = 0, first = 1, base = '', hash = '', seal = ''");
    });
  }
}

TEST_CASE_FIXTURE(audit_fixture, "rows that change places are found") {
  fill();
  tamper([](aft::transaction& tx) {
    tx.execute("update aft_audit set id = 99 where id = 2");
    tx.execute("update aft_audit set id = 2 where id = 3");
    tx.execute("update aft_audit set id = 3 where id = 99");
  });
  CHECK(why() == "the row was changed");
}

TEST_CASE_FIXTURE(audit_fixture, "who can write the database cannot make the chain anew") {
  fill();
  const auto kept = head();
  // The forger's log has no key, or another one.
  const aft::key_ring other{{aft::make_sealing_key("1")}};
  for (const auto* keys : {static_cast<const aft::key_ring*>(nullptr), &other}) {
    tamper([&](aft::transaction& tx) {
      tx.execute("delete from aft_audit");
      tx.execute("update aft_audit_head set last = 0, first = 1, base = '', hash = '', seal = ''");
      aft::audit_log(keys).append(tx, {.event = "sensitive_read", .actor = "mallory"});
    });
    CHECK(why() == "the row was made by others");
  }
  // Without keys a head that was kept elsewhere tells.
  CHECK(verify(aft::audit_log()).is_sound);
  CHECK(!verify(aft::audit_log(), kept).is_sound);
}

TEST_CASE_FIXTURE(audit_fixture, "a head that was kept elsewhere is met again as the log grows") {
  CHECK(verify(log, head()).is_sound);
  fill();
  const auto kept = head();
  append("user_created");
  CHECK(verify(log, kept).is_sound);
  CHECK(!verify(log, aft::audit_head{kept.last, "x"}).is_sound);
}

TEST_CASE_FIXTURE(audit_fixture, "old rows are dropped in due form, and the rest stays sound") {
  fill();
  const auto third = rows()[2].at;
  const auto drop = [&](aft::time_point when) {
    return write([&](aft::transaction& tx) { return log.drop_before(tx, when); });
  };
  CHECK(drop(third) == 2);
  CHECK(drop(third) == 0);
  CHECK(verify(log).is_sound);
  CHECK(verify(log).rows == 3);
  append("user_created");
  CHECK(rows()[0].id == 6);
  CHECK(drop(time.now()) == 4);
  CHECK(verify(log).is_sound);
  append("user_created");
  CHECK(verify(log).is_sound);
  tamper([](aft::transaction& tx) { tx.execute("update aft_audit_head set first = 8, last = 7"); });
  CHECK(!verify(log).is_sound);
}

TEST_CASE_FIXTURE(audit_fixture, "a stranger's text forges no line and breaks no limit") {
  append("authn_login_fail", "7\r\nauthn_login_success,root\x1b[2J\x7f");
  append("authn_login_fail", std::string(255, 'a') + "\xc3\xa9");
  append("authn_login_fail", "\xff\xfe");
  append("authn_login_fail", std::string("a\0b", 3));
  const auto all = rows();
  CHECK(all[3].actor == "7\\u000d\\u000aauthn_login_success,root\\u001b[2J\\u007f");
  CHECK(all[2].actor == std::string(255, 'a'));
  CHECK(all[1].actor == "??");
  CHECK(all[0].actor == "a\\u0000b");
  CHECK(verify(log).is_sound);
  for (const auto* name : {"", "Login", "login fail", "a\nb"}) {
    CHECK_THROWS_AS(append(name), aft::error);
  }
  CHECK_THROWS_AS(
      write([&](aft::transaction& tx) { log.append(tx, {.event = "a", .details = {"not json"}}); }),
      aft::error);
}

TEST_CASE_FIXTURE(audit_fixture, "many append at once, and the chain holds") {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 10; ++i) {
        write([&](aft::transaction& tx) {
          log.append(tx, {.event = "sensitive_read", .actor = std::to_string(t)});
        });
      }
    });
  }
  for (auto& t : threads) t.join();
  const auto v = verify(log);
  CHECK(v.is_sound);
  CHECK(v.rows == 40);
}

TEST_CASE_FIXTURE(audit_fixture, "after a rotation of keys older rows are still sealed") {
  std::vector<aft::sealing_key> keys{aft::make_sealing_key("a")};
  aft::key_ring rotating(keys);
  const aft::audit_log by(&rotating);
  write([&](aft::transaction& tx) { by.append(tx, {.event = "sys_startup"}); });
  keys.insert(keys.begin(), aft::make_sealing_key("b"));
  rotating.replace(keys);
  write([&](aft::transaction& tx) { by.append(tx, {.event = "sys_shutdown"}); });
  CHECK(verify(by).is_sound);
}

TEST_CASE("where a request comes from is taken from it") {
  aft::app app;
  app.get("/", [](const aft::request& r) {
    const auto entry = aft::audit_entry{.event = "sensitive_read"}.from(r);
    return entry.agent;
  });
  CHECK(app.handle({.target = "/", .headers = {{"User-Agent", "curl/8"}}}).body == "curl/8");
}
