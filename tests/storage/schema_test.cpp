#include <aft/storage/schema.hpp>

#include <doctest/doctest.h>

#include <fstream>

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

TEST_CASE_FIXTURE(with_schema, "a document of the live schema") {
  db.migrate("aft", {{"001", "create table aft_own (x text)"}});
  db.migrate("host", {notes, tags, {"003_state", R"(
    create table "the state" (  -- of a note, if any
      note    integer primary key references note (id) on delete cascade,
      -- a | b
      label   text not null default 'a' check (label in ('a', 'b')),
      since   real,
      raw     blob unique,
      unique (label, since)
    ) strict;
    create unique index state_label on "the state" (label desc, since) where since > 0;
  )"}});
  const std::string sqlite = R"(# Schema

```mermaid
erDiagram
  note {
    integer id PK
    text title
    integer at
  }
  tag {
    integer note PK, FK
    text name PK
  }
  the_state {
    integer note PK, FK
    text label
    real since
    blob raw UK
  }
  note ||--o{ tag : "note"
  note ||--o| the_state : "note"
```

## note

| column | type | null | default | meaning |
|---|---|---|---|---|
| `id` | integer | no |  |  |
| `title` | text | no |  | one line |
| `at` | integer | yes |  |  |

- primary key: `id`
- index `note_title`: `(title)`

## tag

| column | type | null | default | meaning |
|---|---|---|---|---|
| `note` | integer | no |  |  |
| `name` | text | no |  |  |

- primary key: `note`, `name`
- `note` refers to `id` of `note`

## the state

of a note, if any

| column | type | null | default | meaning |
|---|---|---|---|---|
| `note` | integer | no |  |  |
| `label` | text | no | `'a'` | a \| b |
| `since` | real | yes |  |  |
| `raw` | blob | yes |  |  |

- primary key: `note`
- unique: `label`, `since`
- unique: `raw`
- `note` refers to `id` of `note`, on delete cascade
- check: `(label in ('a', 'b'))`
- unique index `state_label`: `(label desc, since) where since > 0`

## titles (view)

| column | type |
|---|---|
| `title` | text |

```sql
CREATE VIEW titles as select title from note
```
)";
  const auto document = aft::schema_document(db);
  if (!on_postgres()) {
    CHECK(document == sqlite);
    return;
  }
  CAPTURE(document);
  for (const auto* part :
       {"  tag {\n    bigint note PK, FK\n    text name PK\n  }\n",
        "    timestamp_with_time_zone at\n", "  note ||--o| the_state : \"note\"\n",
        "| `id` | bigint | no | `identity` |  |\n", "| `title` | text | no |  | one line |\n",
        "- primary key: `note`, `name`\n- `note` refers to `id` of `note`\n",
        "## the state\n\nof a note, if any\n", "| `label` | text | no | `'a'::text` | a \\| b |\n",
        "- unique: `label`, `since`\n- unique: `raw`\n",
        "- `note` refers to `id` of `note`, on delete cascade\n", "- check: `(label = ANY (",
        "- unique index `state_label`: `(label DESC, since) WHERE since > 0",
        "## titles (view)\n\n| column | type |\n|---|---|\n| `title` | text |\n\n```sql\n"}) {
    CAPTURE(part);
    CHECK(has(document, part));
  }
  CHECK(!has(document, "aft_"));
}

TEST_CASE_FIXTURE(with_schema, "columns that came later, and references without a column's name") {
  db.migrate("host", {{"001",
                       "create table a (  -- all\n  x integer not null, y integer not null,\n"
                       "  z text,  -- the last\n  primary key (x, y)) strict;"
                       "create table gone (x text -- old\n)"},
                      {"002",
                       "alter table a add column more json; alter table a add b integer;"
                       "alter table a add column c text  -- new\n;"
                       "alter table a rename column z to w;"
                       "drop table gone; alter table a rename to gone;"
                       "create table b (x integer not null, y integer, n integer,"
                       "foreign key (x, y) references gone)"}});
  const auto document = aft::schema_document(db);
  CAPTURE(document);
  CHECK(has(document, "## gone\n\nall\n"));
  CHECK(has(document, "| `w` | text | yes |  | the last |\n"));
  CHECK(has(document, on_postgres() ? "| `more` | jsonb |" : "| `more` | text |"));
  CHECK(has(document, "| `b` | " + std::string(on_postgres() ? "bigint" : "integer") +
                          " | yes |  |  |\n| `c` | text | yes |  | new |\n"));
  CHECK(has(document, "- `x`, `y` refers to `x`, `y` of `gone`\n"));
  CHECK(has(document, "  gone |o--o{ b : \"x, y\"\n"));  // y may be null
}

TEST_CASE_FIXTURE(with_schema, "an empty database has an empty document") {
  CHECK(aft::schema_document(db) == "# Schema\n");
}

TEST_CASE("a stale document is told with the line that differs") {
  temporary_folder folder;
  const auto file = folder / "schema.md";
  CHECK(has(aft::stale_document(file, "x"), "cannot be read"));
  std::ofstream(file) << "one\ntwo\n";
  CHECK(aft::stale_document(file, "one\ntwo\n") == "");
  CHECK(has(aft::stale_document(file, "one\nthree\n"),
            "is stale: its line 2 is \"two\", and should be \"three\"; write it anew"));
  CHECK(has(aft::stale_document(file, "one\n"), "its line 2 is \"two\", and should be \"\""));
  CHECK(has(aft::stale_document(file, "one\ntwo"), "is stale"));
  CHECK(has(aft::stale_document(file, "one\ntwo\nthree"), "its line 3 is \"\""));
}
