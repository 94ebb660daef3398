// The server of `login_storm`: accounts, whose passwords cost what the library's defaults say, and
// an ordinary route, which reads a row. Trusts its clients in what they say of their addresses.

#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>

#include <aft/app.hpp>
#include <aft/auth/accounts.hpp>
#include <aft/auth/password.hpp>

#include "arguments.hpp"

namespace bench {
namespace {

constexpr int notes = 1000;

struct note {
  std::int64_t id;
  std::string text;
};

// user0@example.org and so on; what one hash costs is not what is measured here.
void add_accounts(aft::app& app, std::uint64_t count, const std::string& password) {
  const auto hash = aft::auth::store_password(password);
  app.db().write([&](aft::transaction& tx) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto email = "user" + std::to_string(i) + "@example.org";
      static_cast<void>(aft::auth::add_account(tx, {email, hash, true}));
    }
  });
}

void serve(const arguments& given) {
  aft::app_options options{.database = given.text("--database", ":memory:"),
                           .least_log_level = aft::log_level::error};
  options.log = aft::log_to_stderr();
  aft::app app(std::move(options));
  app.migrate({"001", "create table note (id bigint primary key, text text not null)"});
  app.use(aft::accounts{.hash_threads = unsigned(given.number("--hash-threads", 0, 0, 64))});
  app.get("/notes/{id}",
          [](std::int64_t id, aft::reader& db) {
            return db.find<note>("select id, text from note where id = $1", id);
          })
      .allow_anyone();
  app.prepare();
  app.db().write([](aft::transaction& tx) {
    for (int i = 0; i < notes; ++i) {
      tx.execute("insert into note values ($1, $2)", i, std::string(200, 'x'));
    }
  });
  add_accounts(app, given.number("--accounts", 0, 0, 1'000'000), given.text("--password", ""));
  app.run({.port = std::uint16_t(given.number("--port", 8080, 0, 65535)),
           .trusted_proxies = {"127.0.0.1"},
           .threads = unsigned(given.number("--threads", 0, 0, 256))});
}

}  // namespace
}  // namespace bench

int main(int count, char** words) {
  const bench::arguments given(
      count, words,
      {"--port", "--threads", "--database", "--accounts", "--password", "--hash-threads"});
  try {
    bench::serve(given);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
