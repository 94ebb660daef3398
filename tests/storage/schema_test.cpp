#include <aft/storage/schema.hpp>

#include <doctest/doctest.h>

#include "storage_fixture.hpp"

namespace {

const aft::migration notes{"001_notes",
                           "create table note (\n"
                           "  id    integer primary key,\n"
                           "  title text not null,  -- one line\n"
                           "  at    timestamp\n"
                           ") strict;\n"
                           "create index note_title on note (title);\n"};
const aft::migration tags{"002_tags",
                          "create table tag (note integer not null references note (id), name text "
                          "not null, primary key (note, name)) strict;\n"
                          "insert into note (title) values ('first');\n"
                          "create view titles as select title from note;"};

using with_schema = storage_fixture;

}  // namespace

TEST_CASE_FIXTURE(with_schema,
                  "a plan is what would be applied, in its order, and changes nothing") {
  auto plan = aft::migration_plan(db, "host", {notes, tags});
  REQUIRE(plan.size() == 2);
  CHECK(plan[0].line == "host");
  CHECK(plan[0].name == "001_notes");
  CHECK(has(plan[0].sql, "create table note"));
  CHECK(has(plan[0].sql, "timestamptz") == on_postgres());
  CHECK(plan[1].sql.ends_with(tags.sql.substr(tags.sql.find("insert"))));
  CHECK(aft::schema_drift(db) == "");  // not even the library's own table was made

  CHECK(db.migrate("host", {notes}) == std::vector<std::string>{"001_notes"});
  plan = aft::migration_plan(db, "host", {notes, tags});
  REQUIRE(plan.size() == 1);
  CHECK(plan[0].name == "002_tags");
  CHECK(db.migrate("host", {notes, tags}) == std::vector<std::string>{"002_tags"});
  CHECK(aft::migration_plan(db, "host", {notes, tags}).empty());
  CHECK(db.migrate("host", {notes, tags}).empty());
}

TEST_CASE_FIXTURE(with_schema, "a plan refuses what a migration would refuse") {
  db.migrate("host", {notes, tags});
  auto edited = notes;
  edited.sql.replace(edited.sql.find("title text"), 10, "title blob");
  CHECK(has(thrown_by([&] {
              aft::migration_plan(db, "host", {edited, tags});
            }),
            "001_notes of host was edited after it was applied; its line 3 was \"  title text not "
            "null,  -- one line\", and is \"  title "));
  CHECK(has(thrown_by([&] { aft::migration_plan(db, "host", {tags, notes}); }), "another order"));
}

TEST_CASE_FIXTURE(with_schema, "a schema that nobody touched has not drifted") {
  db.migrate("aft", {{"001", "create table other (x text)"}});
  db.migrate("host", {notes, tags});
  db.write([](aft::transaction& tx) {
    tx.execute("insert into note (title) values ('rows do not count')");
  });
  CHECK(aft::schema_drift(db) == "");
  CHECK(aft::schema_drift(db) == "");
  db.write([](aft::transaction& tx) { tx.execute("delete from note"); });  // it is not locked
}

TEST_CASE_FIXTURE(with_schema, "drift is shown as a diff") {
  db.migrate("host", {notes, tags});
  db.write([](aft::transaction& tx) {
    tx.execute("drop index note_title");
    tx.execute("alter table note add column added text");
    tx.execute("alter table tag rename column name to label");
    tx.execute("create table by_hand (x text not null)");
    tx.execute("drop view titles");
    tx.execute("create view titles as select id from note");
  });
  const auto drift = aft::schema_drift(db);
  CAPTURE(drift);
  CHECK(has(drift, "table by_hand\n  + x text not null\n"));
  CHECK(has(drift, "table note\n  + added text\n"));
  CHECK(has(drift, "- name text not null\n"));
  CHECK(has(drift, "+ label text not null\n"));
  CHECK(has(drift, "index note_title\n  - create index note_title on note") != on_postgres());
  CHECK(has(drift, "index note_title\n  - CREATE INDEX note_title ON note") == on_postgres());
  CHECK(has(drift, "view titles\n  - "));
  CHECK(!has(drift, "aft_migration"));
  CHECK(aft::schema_drift(db) == drift);  // and the look at it has changed nothing
  db.read([](aft::reader& r) { CHECK(r.one<int>("select count(*) from by_hand") == 0); });
}

TEST_CASE_FIXTURE(with_schema, "a database without migrations is all drift") {
  db.write([](aft::transaction& tx) { tx.execute("create table by_hand (x text)"); });
  CHECK(aft::schema_drift(db) == "table by_hand\n  + x text\n");
}

TEST_CASE_FIXTURE(with_schema, "migrations that need what they once found are named") {
  db.write([](aft::transaction& tx) { tx.execute("create table by_hand (x text)"); });
  db.migrate("host",
             {{"001_copy", "create table copy (x text); insert into copy select x from by_hand"}});
  CHECK(has(thrown_by([&] { aft::schema_drift(db); }),
            "the migration 001_copy of host cannot be applied to an empty database any more"));
  CHECK(db.migrate("host", {{"001_copy",
                             "create table copy (x text); insert into copy select x from by_hand"}})
            .empty());
}

TEST_CASE_FIXTURE(with_schema, "what PostgreSQL alone has drifts, too") {
  if (!on_postgres()) return;
  const aft::migration all{.name = "001", .sql = "", .postgres = R"(
    create type mood as enum ('good', 'bad');
    create domain short as text not null check (length(value) < 5);
    create sequence apart start 7;
    create table t (id bigint generated always as identity, m mood default 'good', s short,
                    n serial, half bigint generated always as (2 / 2) stored,
                    name text collate "C", check (n > 0));
    alter table t enable row level security;
    create policy mine on t for select using (n = 1);
    create function twice(n bigint) returns bigint language sql as 'select 2 * n';
    create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
    create trigger touched before update on t for each row execute function touch();
    create materialized view copy as select * from t;
  )"};
  db.migrate("host", {all});
  CHECK(aft::schema_drift(db) == "");
  db.write([](aft::transaction& tx) {
    tx.execute("drop materialized view copy");
    tx.execute("alter type mood add value 'odd'");
    tx.execute("alter domain short drop not null");
    tx.execute("alter sequence apart increment 2");
    tx.execute("drop policy mine on t");
    tx.execute("alter table t alter column id set generated by default");
    tx.execute("drop trigger touched on t");
    tx.execute(
        "create or replace function twice(n bigint) returns bigint language sql as "
        "'select n + n'");
  });
  const auto drift = aft::schema_drift(db);
  CAPTURE(drift);
  for (const auto* part :
       {"type mood", "type short", "sequence apart", "- policy mine",
        "+ id bigint generated by default", "trigger touched", "function twice", "view copy"}) {
    CAPTURE(part);
    CHECK(has(drift, part));
  }
  CHECK(!has(drift, "function touch\n"));
}
