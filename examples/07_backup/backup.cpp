// Copies a database while it runs, and goes back.
//
//   backup FOLDER
//
// It says:
//
//   1 backup, sound
//   restored: 1 note
//   from the archive: 2 notes
//   undone: 1 note

#include <cstdio>

#include <aft/aft.hpp>

struct notes {
  aft::logger log;
  aft::clock time;
  aft::database db;

  explicit notes(const std::string& folder)
      : db(folder + "/notes.db", {.archive = {.directory = folder + "/archive"}}, log, time) {
    db.migrate("host", {{"001", "create table note (text text not null) strict"}});
  }
  void add(const std::string& text) {
    db.write([&](aft::transaction& tx) { tx.execute("insert into note values ($1)", text); });
  }
};

void say(const char* what, const std::string& folder) {
  notes n(folder);
  const auto count =
      n.db.read([](aft::reader& r) { return r.one<int>("select count(*) from note"); });
  std::printf("%s: %d note%s\n", what, count, count == 1 ? "" : "s");
}

int main(int count, char** words) {
  const std::string folder = count > 1 ? words[1] : ".";
  const aft::backup_key key{.passphrase = "correct horse battery staple"};
  aft::clock time;
  aft::backup_info made;
  {
    notes n(folder);
    n.add("one");
    made = aft::backup_to(n.db, folder + "/backups", {.key = key});
    const auto check = aft::verify_backup(made.path, key, n.time);
    aft::prune_backups(folder + "/backups", {.hourly = 24, .daily = 7});
    std::printf("%zu backup, %s\n", aft::list_backups(folder + "/backups").size(),
                check.sound() ? "sound" : check.wrong.front().c_str());
    n.add("two");
  }
  const auto moment = time.now();

  aft::restore_backup(made.path, folder + "/notes.db", time, {.key = key});
  say("restored", folder);
  const auto done = aft::restore_archive(folder + "/archive", folder + "/notes.db", time, moment);
  say("from the archive", folder);
  aft::undo_restore(done);
  say("undone", folder);
}
