#pragma once
// An app with accounts, whose clock stands still, and whose messages are kept.

#include <mutex>
#include <string>
#include <vector>

#include <aft/app.hpp>
#include <aft/auth/accounts.hpp>
#include <aft/test_client.hpp>

#include "../test_database.hpp"

struct guarded_app {
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  std::mutex heard{};  // of what follows: PostgreSQL has several writers
  std::string logged{};
  std::vector<aft::account_message> messages{};
  std::vector<std::string> events{};
  aft::app app;

  static constexpr auto password = "kelp harbor quilt";

  // Several on one database are nodes of one service: give the URL of the first to the others.
  explicit guarded_app(const std::string& file = ":memory:", aft::accounts how = {},
                       bool with_messages = true,
                       // So that the tests take their time elsewhere.
                       aft::password_cost cost = {.memory_kib = 8192, .passes = 1})
      : app({.database = file.starts_with("postgresql:") ? file : new_database(file),
             .lanes = {.max_wait = {}, .deadline = {}},
             .log =
                 [this](const aft::log_record& r) {
                   const std::lock_guard lock(heard);
                   logged += std::string(r.message) + "\n";
                 },
             .time = &time}) {
    how.cost = cost;
    how.hash_wait = {};
    if (with_messages) {
      how.site = "https://notes.example.org";
      how.on_message = [this](aft::transaction&, const aft::account_message& m) {
        const std::lock_guard lock(heard);
        messages.push_back(m);
      };
    }
    if (!how.on_event) {
      how.on_event = [this](aft::transaction&, const aft::account_event& e) {
        const std::lock_guard lock(heard);
        events.emplace_back(e.name);
      };
    }
    app.use(std::move(how));
  }

  aft::auth::account add(const std::string& email, const std::vector<std::string>& roles = {},
                         std::int64_t tenant = 0) {
    const auto hash = aft::auth::store_password(password, {}, {.memory_kib = 8192, .passes = 1});
    return *app.db().write([&](aft::transaction& tx) {
      return aft::auth::add_account(tx, {email, hash, true, roles, tenant});
    });
  }
};

struct credentials {
  std::string email, password = guarded_app::password;
};
struct token_and_password {
  std::string token, password;
};

// Somebody's browser.
struct browser : aft::test_client {
  using aft::test_client::test_client;
  aft::checked_response log_in(const std::string& email,
                               const std::string& password = guarded_app::password) {
    return post("/api/account/login", credentials{email, password});
  }
};

// The value of a cookie that an answer sets; empty where it sets none.
inline std::string cookie_of(const aft::checked_response& r, const std::string& name) {
  for (const auto& [header, value] : r.response().headers) {
    if (header == "Set-Cookie" && value.starts_with(name + "=")) {
      return value.substr(name.size() + 1, value.find(';') - name.size() - 1);
    }
  }
  return {};
}
