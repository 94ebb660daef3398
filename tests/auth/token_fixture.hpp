#pragma once
// A database of its own for each test, with the tables of tokens, keys and codes.

#include "../storage/storage_fixture.hpp"
#include "auth/token_schema.hpp"

struct token_fixture : storage_fixture {
  token_fixture() { db.migrate(aft::auth::token_line, aft::auth::token_migrations()); }

  template <class F>
  auto write(F&& f) {
    return db.write(f);
  }
};
