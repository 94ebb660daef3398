#include <aft/storage/lint.hpp>

#include <doctest/doctest.h>

#include <aft/ground/error.hpp>

namespace {

constexpr auto sqlite = aft::dialect::sqlite;
constexpr auto postgres = aft::dialect::postgres;

// "drop-column drop-table", in the order they were found.
std::string codes_of(const aft::migration& step, aft::dialect engine) {
  std::string codes;
  for (const auto& w : aft::lint_migrations({step}, engine)) {
    codes += (codes.empty() ? "" : " ") + w.code;
  }
  return codes;
}

struct row {
  const char *sql, *sqlite, *postgres;
};

}  // namespace

TEST_CASE("what is risky has a code, on the engine where it is") {
  const row rows[] = {
      // What loses rows.
      {"drop table t", "drop-table", "drop-table"},
      {"DROP TABLE IF EXISTS \"t\"", "drop-table", "drop-table"},
      {"drop table t, u", "drop-table drop-table", "drop-table drop-table"},
      {"drop table main.t", "drop-table", "drop-table"},
      {"drop table t cascade", "drop-table", "drop-table drop-cascade"},
      {"drop view v cascade", "", "drop-cascade"},
      {"drop view v; drop index i; drop trigger r", "", ""},
      {"drop schema s", "", "drop-schema"},
      {"drop schema if exists s cascade", "", "drop-cascade drop-schema"},
      {"alter table t drop column c", "drop-column", "drop-column"},
      {"alter table t drop c", "drop-column", "drop-column"},
      {"alter table t drop column a, drop column if exists b", "drop-column drop-column",
       "drop-column drop-column"},
      {"alter table t drop column a cascade", "drop-column", "drop-cascade drop-column"},
      {"alter table t drop constraint c", "", "drop-constraint"},
      {"delete from t", "delete-all", "delete-all"},
      {"delete from t where id = 1", "", ""},
      {"delete from t using (select 1 where true) u", "delete-all", "delete-all"},
      {"truncate t", "delete-all", "delete-all"},
      {"truncate table only t, u cascade", "delete-all delete-all delete-all delete-all",
       "delete-all delete-all delete-all delete-all"},
      {"update t set x = 1", "update-all", "update-all"},
      {"update or ignore t set x = (select 1 from u where true)", "update-all", "update-all"},
      {"update t set x = 1 where y", "", ""},
      // What the program of the last release does not know.
      {"alter table t rename to u", "rename-table", "rename-table"},
      {"alter table t rename column a to b", "rename-column", "rename-column"},
      {"alter table t rename a to b", "rename-column", "rename-column"},
      {"alter table t rename constraint a to b", "", ""},
      // What some rows do not allow.
      {"alter table t add column c text not null", "not-null-without-default",
       "not-null-without-default"},
      {"alter table t add c text not null default ''", "", ""},
      {"alter table t add c text", "", ""},
      {"create unique index i on t (c)", "unique-may-fail", "index-blocks-writes unique-may-fail"},
      {"create table t (c text primary key) strict", "nullable-key", ""},
      {"create table t (a text not null, b text, primary key (a, b)) strict", "nullable-key", ""},
      {"create table t (id integer primary key)", "", ""},
      {"create table t (id integer, primary key (id))", "", ""},
      {"create table t (c text primary key) without rowid", "", ""},
      {"create table t (c text not null primary key, d text)", "", ""},
      // What holds up others, on PostgreSQL.
      {"alter table t alter column c set not null", "", "set-not-null"},
      {"alter table t alter c type integer", "", "alter-type"},
      {"alter table t alter column c set data type integer using c::integer", "", "alter-type"},
      {"alter table t alter column type set default 1", "", ""},
      {"alter table t alter column c drop not null", "", ""},
      {"create index i on t (c)", "", "index-blocks-writes"},
      {"create index if not exists i on only s.t using gin (c)", "", "index-blocks-writes"},
      {"alter table t add constraint f foreign key (c) references u (id)", "",
       "foreign-key-validates"},
      {"alter table t add foreign key (c) references u (id) not valid", "", ""},
      {"alter table t add check (c > 0)", "", "check-validates"},
      {"alter table t add constraint p check (c > 0) not valid; alter table t validate constraint "
       "p",
       "", ""},
      {"alter table t add unique (c)", "unique-may-fail", "unique-blocks unique-may-fail"},
      {"alter table t add constraint k primary key using index i", "", ""},
      {"alter table t add column c uuid default gen_random_uuid()", "", "default-rewrites"},
      {"alter table t add c bigserial", "", "default-rewrites"},
      {"alter table t add c text generated always as (upper(d)) stored", "", "default-rewrites"},
      {"alter table t add c timestamptz not null default now(), alter d type text", "",
       "alter-type"},
      // What cannot be done in a step.
      {"create index concurrently i on t (c)", "outside-transaction", "outside-transaction"},
      {"drop index concurrently i", "outside-transaction", "outside-transaction"},
      {"vacuum; create database d; drop database d; reindex table concurrently t",
       "outside-transaction outside-transaction outside-transaction outside-transaction",
       "outside-transaction outside-transaction outside-transaction outside-transaction"},
      {"begin; commit; end; rollback; abort; start transaction",
       "ends-transaction ends-transaction ends-transaction ends-transaction ends-transaction "
       "ends-transaction",
       "ends-transaction ends-transaction ends-transaction ends-transaction ends-transaction "
       "ends-transaction"},
      {"pragma foreign_keys = off", "pragma-without-effect", ""},
      {"pragma defer_foreign_keys = on", "", ""},
      // A table that the step itself makes is empty.
      {"create table t (id integer primary key, c text); create unique index i on t (c);"
       "update t set c = ''; delete from t; alter table t drop column c; alter table t add check "
       "(c);"
       "drop table t",
       "", ""},
      {"create temp table t as select 1; create index i on t (c); drop table t", "", ""},
      {"create table if not exists \"new\" (id integer); insert into new select * from t;"
       "drop table t; alter table new rename to t",
       "rebuild-with-keys", "drop-table"},
      {"alter table t rename to old; create table t (id integer); drop table old",
       "rename-table drop-table", "rename-table drop-table"},
      // What only looks so.
      {"insert into t values ('drop table t'); -- drop table t\n/* delete from t */", "", ""},
      {"create trigger r after insert on t begin delete from u; end", "", ""},
      {"", "", ""},
      {"alter table", "", ""},
      {"drop", "", ""},
      {"create unique", "", ""},
      {"alter table t add", "", ""},
  };
  for (const auto& r : rows) {
    CAPTURE(r.sql);
    CHECK(codes_of({"1", r.sql}, sqlite) == r.sqlite);
    CHECK(codes_of({"1", r.sql}, postgres) == r.postgres);
  }
}

TEST_CASE("a warning says where it is, what may go wrong, and what helps") {
  const auto all = aft::lint_migrations(
      {{"001", "create table t (id integer primary key, old text);"},
       {"002",
        "create table u (id integer primary key);\n\n-- away\nalter table t\ndrop column old;"}},
      sqlite);
  REQUIRE(all.size() == 1);
  CHECK(all[0].migration == "002");
  CHECK(all[0].line == 4);
  CHECK(all[0].code == "drop-column");
  CHECK(all[0].danger == "Drops t.old with what is in it.");
  CHECK(all[0].remedy == "Let a release pass in which nothing uses it, and make a backup before.");
}

TEST_CASE("a step may say that it means it") {
  aft::migration step{"001", "drop table t; delete from u"};
  step.intended = {"drop-table"};
  CHECK(codes_of(step, sqlite) == "delete-all");
  step.intended = {"drop-table", "delete-all", "alter-type"};
  CHECK(codes_of(step, sqlite) == "");
  step.intended = {"drop-tables"};
  CHECK_THROWS_WITH_AS(codes_of(step, sqlite),
                       "the migration 001 intends drop-tables, which is no code of a warning",
                       aft::configuration_error);
}

TEST_CASE("the text that the engine gets is the one that is looked at") {
  const aft::migration step{"001", "drop table t", "select 1"};
  CHECK(codes_of(step, sqlite) == "drop-table");
  CHECK(codes_of(step, postgres) == "");
}

TEST_CASE("a step that makes a table anew is told to say so, and said so drops nothing") {
  aft::migration step{"001",
                      "create table n (id integer);\ninsert into n select id from t;\n"
                      "drop table t;\nalter table n rename to T;\ndrop table u",
                      "select 1"};
  const auto all = aft::lint_migrations({step}, sqlite);
  REQUIRE(all.size() == 2);
  CHECK(all[0].line == 3);
  CHECK(all[0].code == "rebuild-with-keys");
  CHECK(all[0].danger == "Makes t anew with foreign keys on: fails where rows refer to it.");
  CHECK(all[0].remedy ==
        "Say .rebuilds_tables = true, and they are off in this step and checked after it.");
  CHECK(all[1].code == "drop-table");
  CHECK(all[1].danger == "Drops u with its rows.");
  step.rebuilds_tables = true;
  CHECK(codes_of(step, sqlite) == "drop-table");
  CHECK(codes_of(step, postgres) == "");
}

TEST_CASE("a pragma for foreign keys is told what to say instead") {
  const auto all = aft::lint_migrations({{"001", "pragma foreign_keys = off"}}, sqlite);
  REQUIRE(all.size() == 1);
  CHECK(all[0].danger == "Does nothing: foreign_keys is for outside of transactions.");
  CHECK(all[0].remedy ==
        "Leave it out; a step that makes a table anew says .rebuilds_tables = true.");
}
