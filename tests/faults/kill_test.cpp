// Kills a working process with -9 again and again, and looks at what is left.
//
//   kill_test [ROUNDS]           the test; by default 20 rounds, 500 with AFT_LONG set
//   kill_test victim FOLDER URL  what it kills: enqueues jobs, and works them off
//   kill_test bulk FOLDER URL    another one: many at once, which are claimed together
//   kill_test finish FOLDER URL  works off what is left
//
// A number that the victim has printed was enqueued, durably, before. So in the end each of them
// must have been touched at least once by the job that takes no transaction, and have exactly one
// effect from the job that does; and of none, printed or not, may there be one without the other,
// as one transaction enqueued both. A trigger notes each end of a job: there must be one of each.
// On PostgreSQL the server lives on (AFT_TEST_ENGINE=postgres).

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <thread>

#include <aft/aft.hpp>

#include "../test_database.hpp"

namespace {

struct effect {
  std::int64_t n;
};
struct touch {
  std::int64_t n;
};

struct touched_file {
  int fd;
};

// Those that were claimed together end in their bundle; a bundle that is taken apart has given them
// rows before.
const char* const note_ends_in_bundles = R"(
create table bundled (bundle bigint not null);
create function note_ends() returns trigger language plpgsql as $$
begin
  insert into bundled values (old.id);
  if tg_op = 'UPDATE' then
    insert into ended select unnest(new.ended[cardinality(old.ended) + 1:]);
  else
    insert into ended select j.id from unnest(old.jobs) j where j.id <> all (old.ended)
      and j.id <> all (old.apart) and not exists (select 1 from aft_job where aft_job.id = j.id);
  end if;
  return old;
end $$;
create trigger note_ends after update or delete on aft_job_bundle for each row
  execute function note_ends())";

void define(aft::app& app, touched_file& file) {
  app.state(file);
  app.migrate(aft::migration{"001", "create table effect (n integer not null) strict"});
  // A job that is done is deleted while it runs.
  app.migrate({"002",
               "create table ended (job integer not null) strict; "
               "create trigger note_end after delete on aft_job when old.state = 1 "
               "begin insert into ended values (old.id); end",
               "create table ended (job bigint not null); "
               "create function note_end() returns trigger language plpgsql as $$ "
               "begin insert into ended values (old.id); return old; end $$; "
               "create trigger note_end after delete on aft_job for each row "
               "when (old.state = 1) execute function note_end(); " +
                   std::string(note_ends_in_bundles)});
  app.job<effect>(
      [](effect e, aft::transaction& tx) { tx.execute("insert into effect values ($1)", e.n); });
  app.job<touch>([](touch t, touched_file& f) {
    const auto line = std::to_string(t.n) + "\n";
    if (::write(f.fd, line.data(), line.size()) != ssize_t(line.size())) std::abort();
  });
}

struct working {
  touched_file file;
  aft::app app;
  working(const std::string& folder, const std::string& url)
      : file{::open((folder + "/touched").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600)},
        app({.database = url,
             .log = aft::log_to_stderr(),
             .least_log_level = aft::log_level::error}) {
    define(app, file);
    app.start({.port = 0, .threads = 1});
  }
};

int victim(const std::string& folder, const std::string& url, std::int64_t first) {
  working w(folder, url);
  for (auto n = first;; ++n) {
    w.app.db().write([&](aft::transaction& tx) {
      aft::enqueue(tx, effect{n});
      aft::enqueue(tx, touch{n});
    });
    std::printf("%lld\n", static_cast<long long>(n));
    std::fflush(stdout);
  }
}

int bulk_victim(const std::string& folder, const std::string& url, std::int64_t first) {
  constexpr std::int64_t together = 100;
  working w(folder, url);
  for (auto n = first;; n += together) {
    w.app.db().write([&](aft::transaction& tx) {
      for (auto i = n; i < n + together; ++i) {
        aft::enqueue(tx, effect{i}, {.delay = aft::milliseconds(5)});
        aft::enqueue(tx, touch{i}, {.delay = aft::milliseconds(5)});
      }
    });
    for (auto i = n; i < n + together; ++i) std::printf("%lld\n", static_cast<long long>(i));
    std::fflush(stdout);
  }
}

int finish(const std::string& folder, const std::string& url) {
  working w(folder, url);
  for (int i = 0; i < 60'000; ++i) {
    const auto left = w.app.db().read(
        [](aft::reader& db) { return db.one<std::int64_t>("select count(*) from aft_job_all"); });
    if (!left) return 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::fprintf(stderr, "some jobs are never done\n");
  return 1;
}

// Runs this program anew, and gives what it prints.
class child {
 public:
  child(const char* what, const std::string& folder, const std::string& url,
        const std::string& first = "") {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    process_ = ::fork();
    if (process_ == 0) {
      ::dup2(ends[1], 1);
      ::close(ends[0]), ::close(ends[1]);
      ::execl("/proc/self/exe", "kill_test", what, folder.c_str(), url.c_str(), first.c_str(),
              nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    out_ = ends[0];
  }
  ~child() { ::close(out_); }

  // Waits for its first words.
  void wait_for_words() const {
    pollfd words{out_, POLLIN, 0};
    ::poll(&words, 1, 60'000);
  }
  // Lets it work for a while, kills it, and reads what it has said.
  std::string kill_after(std::chrono::microseconds time) {
    std::this_thread::sleep_for(time);
    ::kill(process_, SIGKILL);
    std::string all;
    char part[4096];
    for (ssize_t n; (n = ::read(out_, part, sizeof part)) > 0;) all.append(part, std::size_t(n));
    wait();
    return all;
  }
  int wait() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t process_;
  int out_;
};

int test(int rounds) {
  temporary_folder folder;
  const auto place = folder / ".";
  const auto url = new_database(place + "/test.db");
  std::int64_t next = 0, enqueued = 0;
  std::map<std::int64_t, bool> acknowledged;
  for (int i = 0; i < rounds; ++i) {
    child c(i % 2 ? "victim" : "bulk", place, url, std::to_string(next));
    if (i % 4) c.wait_for_words();  // the others are killed while they start, too
    const auto said = c.kill_after(std::chrono::microseconds(aft::random_number(80'000)));
    for (std::size_t at = 0, end; (end = said.find('\n', at)) != said.npos; at = end + 1) {
      const auto n = std::stoll(said.substr(at, end - at));
      acknowledged[n] = true;
      next = n + 1;
      ++enqueued;
    }
    next += 1000;  // one more may have been enqueued, and not been printed
  }
  if (child("finish", place, url).wait() != 0) return 1;

  std::map<std::int64_t, int> touched, effects;
  std::ifstream lines(place + "/touched");
  for (std::int64_t n; lines >> n;) ++touched[n];
  aft::logger log;
  aft::clock time;
  aft::database db(url, {}, log, time);
  db.read([&](aft::reader& r) {
    for (auto n : r.all<std::int64_t>("select n from effect")) ++effects[n];
  });
  const auto completed = db.one<std::int64_t>("select count(*) from ended");
  const auto once = db.one<std::int64_t>("select count(distinct job) from ended");
  const auto twice = completed - once;
  if (on_postgres()) {
    const auto bundles = db.one<std::int64_t>("select count(distinct bundle) from bundled");
    std::printf("%lld bundles\n", static_cast<long long>(bundles));
    if (!bundles) return 1;
  }
  int lost = 0, doubled = 0, again = 0, halves = 0;
  for (const auto& [n, yes] : acknowledged) lost += !effects.contains(n) || !touched.contains(n);
  for (const auto& [n, count] : effects) doubled += count != 1;
  for (const auto& [n, count] : touched) again += count > 1, halves += !effects.contains(n);
  for (const auto& [n, count] : effects) halves += !touched.contains(n);
  std::printf(
      "%d kills, %lld acknowledged, %lld jobs completed, %lld of them twice, %d lost, %d done by "
      "halves, %d effects doubled, %d touched more than once\n",
      rounds, static_cast<long long>(2 * enqueued), static_cast<long long>(once),
      static_cast<long long>(twice), lost, halves, doubled, again);
  return lost || halves || doubled || twice || once < 2 * enqueued || enqueued < rounds * 3 / 4 ? 1
                                                                                                : 0;
}

}  // namespace

int main(int count, char** words) {
  const std::string first = count > 1 ? words[1] : "";
  if (first == "victim") return victim(words[2], words[3], std::atoll(words[4]));
  if (first == "bulk") return bulk_victim(words[2], words[3], std::atoll(words[4]));
  if (first == "finish") return finish(words[2], words[3]);
  if (!first.empty()) return test(std::atoi(words[1]));
  return test(std::getenv("AFT_LONG") ? 500 : 20);
}
