// Migrations of processes that start at once, die, or meet an error, on the engine that
// AFT_TEST_ENGINE names.
//
//   migration_fault_test                  the test; with AFT_LONG set, longer
//   migration_fault_test start URL        what it starts many of: one process of a program
//   migration_fault_test die URL N        one that kills itself with -9 before its Nth statement
//
// After each death and each error the database has the schema from before or the one from after,
// and nothing in between, and the next start brings it to the one from after.

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <aft/aft.hpp>

#include "../temporary_file.hpp"
#include "../test_database.hpp"
#include "storage/migrate.hpp"
#include "storage/postgres/session.hpp"
#include "storage/schema_objects.hpp"
#include "storage/sql_script.hpp"
#include "storage/sqlite/connection.hpp"

namespace {

using namespace aft::storage;
using steps = std::vector<aft::migration>;

const steps before{{"001_notes",
                    "create table note (id integer primary key, title text not null, old text);"
                    "insert into note (title) values ('a'), ('b');"}};

const steps after{
    before[0],
    {"002_tags",
     "create table tag (note integer not null references note (id) on delete cascade,"
     "                  name text not null, primary key (note, name));"
     "insert into tag select id, 'tag of ' || title from note;"
     "create index tag_name on tag (name);"
     "alter table note add column words integer not null default 0;"
     "update note set words = 1 where title = 'a';"},
    {"003_titles",
     "alter table note rename column title to heading;"
     "alter table note drop column old;"
     "create view heading as select heading from note;"
     "delete from note where heading = 'b' and not exists (select 1 from tag where note = id);"},
    {.name = "004_words",
     .sql = "drop view heading;"
            "create table note_new (id integer primary key, heading text not null,"
            "                       words integer not null default 1);"
            "insert into note_new select id, heading, words from note;"
            "drop table note;"
            "alter table note_new rename to note;"
            "create view heading as select heading from note;",
     .postgres = "alter table note alter words set default 1",
     .rebuilds_tables = true}};

const aft::clock system_time;
const aft::storage_options options;
const aft::logger silent;

// A connection that fails before a statement, of the library's own or of a migration.
class failing_connection final : public schema_connection {
 public:
  failing_connection(schema_connection& real, int fails_at, void (*fail)())
      : real_(real), fails_at_(fails_at), fail_(fail) {
    time = real.time;
  }
  std::size_t query(std::string_view text, std::span<const aft::detail::parameter> values,
                    const row_target& rows) override {
    count();
    return real_.query(text, values, rows);
  }
  std::int64_t execute(std::string_view text,
                       std::span<const aft::detail::parameter> values) override {
    count();
    return real_.execute(text, values);
  }
  engine_kind kind() const override { return real_.kind(); }
  void run_savepoint(const char* command) override { real_.run_savepoint(command); }
  bool forget(std::string_view text) override { return real_.forget(text); }
  void run_script(const std::string& text) override {
    for (const auto& statement : read_script(text)) {
      count();
      real_.run_script(std::string(statement.text));
    }
  }
  bool in_transaction() const override { return real_.in_transaction(); }
  void begin_migration() override {
    count();
    real_.begin_migration();
  }
  void enforce(foreign_keys keys) override { real_.enforce(keys); }
  int statements() const { return statements_; }

 private:
  void count() {
    if (++statements_ == fails_at_) fail_();
  }
  schema_connection& real_;
  const int fails_at_;
  void (*fail_)();
  int statements_ = 0;
};

// The connection that a database would write with.
class real_connection {
 public:
  explicit real_connection(const std::string& url) {
    if (url.starts_with("postgresql:")) {
      address_ = std::make_unique<postgres::server_address>(url);
      connection_ = std::make_unique<postgres::session>(*address_, postgres::session_use::write,
                                                        options, system_time);
    } else {
      connection_ = std::make_unique<sqlite_connection>(url, sqlite_access::write, true,
                                                        aft::seconds(60), 1u << 20);
      connection_->time = &system_time;
    }
  }
  schema_connection& get() { return *connection_; }

 private:
  std::unique_ptr<postgres::server_address> address_;
  std::unique_ptr<schema_connection> connection_;
};

std::string new_place(const temporary_folder& folder) {
  static int count = 0;
  return new_database(folder / ("test_" + std::to_string(++count) + ".db"));
}

// All of the schema, and the rows that the migrations touch.
std::string state_of(const std::string& url) {
  aft::database db(url, {}, silent, system_time);
  return db.read([](aft::reader& r) {
    auto& c = aft::storage_access::connection_of(r);
    auto state = compare_objects({}, read_objects(c));
    const bool is_after = state.find("tag_name") != state.npos;
    state += is_after ? r.one<std::string>("select 'words ' || sum(words) || count(*) from note")
                      : r.one<std::string>("select 'rows ' || count(*) from note");
    if (is_after) state += r.one<std::string>("select ' tags ' || count(*) from tag");
    for (const auto& step : applied_migrations_of(c)) state += ' ' + step.name;
    return state;
  });
}

void migrate_to(const std::string& url, const steps& all) {
  aft::database db(url, {}, silent, system_time);
  db.migrate("host", all);
}

pid_t start(std::vector<std::string> words, int out = -1) {
  words.insert(words.begin(), "migration_fault_test");
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const auto child = ::fork();
  if (child != 0) return child;
  if (out >= 0) ::dup2(out, 1);
  ::execv("/proc/self/exe", arguments.data());
  ::_exit(127);
}

int end_of(pid_t process) {
  int status = 0;
  ::waitpid(process, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// ---- what is started

int start_as_a_program_does(const std::string& url) {
  try {
    aft::database db(url, {.busy_timeout = aft::seconds(100)}, silent, system_time);
    std::printf("%zu\n", db.migrate("host", after).size());
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "a start failed: %s\n", e.what());
    return 1;
  }
}

int die_at(const std::string& url, int statement) {
  real_connection real(url);
  failing_connection c(real.get(), statement, [] { ::raise(SIGKILL); });
  migrate(c, "host", after, system_time.now());
  return 0;
}

// ---- the tests

int failures = 0;

bool keys_are_on(connection& c) {
  if (c.kind() == engine_kind::postgres) return true;
  aft::storage_access::plain_reader r(c);
  return r.one<bool>("select foreign_keys from pragma_foreign_keys");
}

void check(bool right, const std::string& what) {
  if (right) return;
  ++failures;
  std::fprintf(stderr, "%s\n", what.c_str());
}

void start_many_at_once(const temporary_folder& folder, int rounds) {
  constexpr int count = 8;
  for (int round = 0; round < rounds; ++round) {
    const auto url = new_place(folder);
    int said[2];
    if (::pipe(said) != 0) std::abort();
    std::vector<pid_t> processes;
    for (int i = 0; i < count; ++i) processes.push_back(start({"start", url}, said[1]));
    ::close(said[1]);
    for (const auto process : processes) check(end_of(process) == 0, "one of many starts failed");
    std::string all;
    char part[256];
    for (ssize_t n; (n = ::read(said[0], part, sizeof part)) > 0;) all.append(part, std::size_t(n));
    ::close(said[0]);
    int applied = 0, found_done = 0;
    for (const char c : all) applied += c == '4', found_done += c == '0';
    check(applied == 1 && found_done == count - 1,
          "not one applied and seven found it done, but:\n" + all);
  }
}

// Where `from` is empty, the first start of all.
void fail_at_each_statement(const temporary_folder& folder, const steps& from, int stride) {
  const auto reference = new_place(folder);
  migrate_to(reference, from);
  const auto old_state = from.empty() ? "" : state_of(reference);
  int statements = 0;
  {
    real_connection real(reference);
    failing_connection c(real.get(), -1, nullptr);
    migrate(c, "host", after, system_time.now());
    statements = c.statements();
  }
  const auto new_state = state_of(reference);
  check(statements > 15 && new_state != old_state, "the test does not test anything");
  check(new_state.find(" tags 2 ") != new_state.npos, "a step lost the rows of another table");

  struct way {
    const char* name;
    void (*fail)(const std::string& url, int statement);
  };
  const way ways[] = {
      {"kill -9",
       [](const std::string& url, int n) {
         check(end_of(start({"die", url, std::to_string(n)})) == -SIGKILL, "it did not die");
       }},
      {"an error",
       [](const std::string& url, int n) {
         real_connection real(url);
         failing_connection c(real.get(), n,
                              [] { throw aft::storage_error(aft::storage_fault::io, "a fault"); });
         try {
           migrate(c, "host", after, system_time.now());
           check(false, "the error was lost");
         } catch (const aft::error&) {}
         check(keys_are_on(real.get()), "an error left foreign keys off");
         // The same process may try again, on the same connection.
         if (n % 2) migrate(real.get(), "host", after, system_time.now());
       }},
      {"the loss of the server", [](const std::string& url, int n) {
         if (!on_postgres()) return;
         real_connection real(url);
         failing_connection c(real.get(), n, [] { postgres_server::shared().end_connections(); });
         try {
           migrate(c, "host", after, system_time.now());
         } catch (const aft::error&) {}
         if (n % 2) migrate(real.get(), "host", after, system_time.now());
       }}};
  for (const auto& way : ways) {
    for (int n = 1; n <= statements; n += stride) {
      const auto url = new_place(folder);
      migrate_to(url, from);
      way.fail(url, n);
      const auto at = std::string(way.name) + " at statement " + std::to_string(n);
      if (!from.empty()) {
        const auto state = state_of(url);
        check(state == old_state || state == new_state, at + " left neither:\n" + state);
      }
      migrate_to(url, after);
      check(state_of(url) == new_state, "after " + at + " the next start did not go on");
    }
  }
}

// Whatever it is doing then, on the server or between statements.
void kill_at_any_time(const temporary_folder& folder, int rounds) {
  const auto reference = new_place(folder);
  migrate_to(reference, before);
  const auto old_state = state_of(reference);
  migrate_to(reference, after);
  const auto new_state = state_of(reference);
  const int nowhere = ::open("/dev/null", O_WRONLY);
  for (int i = 0; i < rounds; ++i) {
    const auto url = new_place(folder);
    migrate_to(url, before);
    const auto process = start({"start", url}, nowhere);
    ::usleep(useconds_t(aft::random_number(60'000)));
    ::kill(process, SIGKILL);
    end_of(process);
    const auto state = state_of(url);
    check(state == old_state || state == new_state, "kill -9 left neither:\n" + state);
    migrate_to(url, after);
    check(state_of(url) == new_state, "after kill -9 the next start did not go on");
  }
  ::close(nowhere);
}

}  // namespace

int main(int count, char** words) {
  const std::string what = count > 1 ? words[1] : "";
  if (what == "start") return start_as_a_program_does(words[2]);
  if (what == "die") return die_at(words[2], std::atoi(words[3]));
  const bool is_long = std::getenv("AFT_LONG") != nullptr;
  temporary_folder folder;
  start_many_at_once(folder, is_long ? 100 : 5);
  fail_at_each_statement(folder, before, 1);
  fail_at_each_statement(folder, {}, is_long ? 1 : 3);
  kill_at_any_time(folder, is_long ? 300 : 10);
  if (!failures) std::printf("all starts went on\n");
  return failures != 0;
}
