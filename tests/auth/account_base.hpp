#pragma once
// A database with the tables of accounts, and a clock that stands still.

#include <aft/app.hpp>
#include <aft/auth/accounts.hpp>

#include "../test_database.hpp"

struct account_base {
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  aft::app app;
  aft::database& db;

  account_base() : app({.database = new_database(), .time = &time}), db(app.db()) {
    db.migrate("aft_auth", aft::auth::migrations());
  }
  template <class F>
  auto write(F&& f) {
    return db.write(std::forward<F>(f));
  }
  template <class F>
  auto read(F&& f) {
    return db.read(std::forward<F>(f));
  }
  aft::auth::account add(const std::string& email = "ada@example.org") {
    return *write([&](aft::transaction& tx) {
      return aft::auth::add_account(tx, {email, "hash of " + email});
    });
  }
};
