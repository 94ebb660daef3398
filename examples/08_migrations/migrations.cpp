// One schema for both engines: what will be run, what is risky, what somebody changed by hand, and
// the document of it.
//
//   migrations FOLDER [URL]
//
// It says:
//
//   plan: 001_notes 002_tags
//   applied: 001_notes 002_tags
//   plan:
//   003_tidy, line 2: Drops note.draft with what is in it.
//   drift:
//   table note
//     + by_hand text
//   document: fresh
//   document: stale

#include <cstdio>
#include <fstream>

#include <aft/aft.hpp>

const std::vector<aft::migration> steps{{"001_notes", R"(
      create table note (  -- what somebody wants to remember
        id         integer primary key,
        title      text not null,  -- one line
        done       boolean not null default false,
        created_at timestamp not null,
        draft      text
      ) strict;
    )"},
                                        {"002_tags", R"(
      create table tag (
        note integer not null references note (id) on delete cascade,
        name text not null,
        primary key (note, name)
      ) strict;
    )"}};

const aft::migration tidy{"003_tidy", "\nalter table note drop column draft"};

void say_plan(aft::database& db) {
  std::printf("plan:");
  for (const auto& step : aft::migration_plan(db, "host", steps)) {
    std::printf(" %s", step.name.c_str());  // and step.sql, as the engine will get it
  }
  std::printf("\n");
}

int main(int count, char** words) {
  const std::string folder = count > 1 ? words[1] : ".";
  const std::string url = count > 2 ? words[2] : folder + "/notes.db";
  aft::logger log;
  aft::clock time;
  aft::database db(url, {}, log, time);

  say_plan(db);  // changes nothing
  std::printf("applied:");
  for (const auto& name : db.migrate("host", steps)) std::printf(" %s", name.c_str());
  std::printf("\n");
  say_plan(db);

  for (const auto& w : aft::lint_migrations({tidy}, aft::dialect::sqlite)) {
    std::printf("%s, line %zu: %s\n", w.migration.c_str(), w.line, w.danger.c_str());
  }

  const auto file = folder + "/schema.md";
  std::ofstream(file) << aft::schema_document(db);
  const auto before = aft::stale_document(file, aft::schema_document(db));
  db.write([](aft::transaction& tx) { tx.execute("alter table note add column by_hand text"); });
  const auto after = aft::stale_document(file, aft::schema_document(db));

  std::printf("drift:\n%s", aft::schema_drift(db).c_str());
  std::printf("document: %s\n", before.empty() ? "fresh" : "stale");
  std::printf("document: %s\n", after.empty() ? "fresh" : "stale");
}
