// Workers in processes of their own: frozen beyond their lease, many with one schedule, and with a
// server that goes away.
//
//   worker_fault_test                    the tests
//   worker_fault_test worker FOLDER URL  works jobs off until SIGTERM
//   worker_fault_test ticker FOLDER URL  for each time that it reads, runs what is due then, and
//                                        prints how many jobs that were

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <aft/aft.hpp>

#include "../test_database.hpp"
#include "lost_jobs.hpp"

namespace {

struct tick {};

int failures = 0;
void check(bool holds, const char* what) {
  std::printf("%s: %s\n", holds ? "ok" : "FAILED", what);
  failures += !holds;
}

void touch(const std::string& file) { std::ofstream(file) << "1"; }
void wait_for(const std::string& file) {
  soon([&] { return std::filesystem::exists(file); });
}

// Its jobs stop in the middle until there is a file "go".
void define(aft::app& app, const std::string& folder, bool waits) {
  const auto pass = [folder, waits](const char* what) {
    if (!waits) return;
    touch(folder + "/begun_" + what);
    wait_for(folder + "/go");
  };
  app.migrate({"001", "create table effect (n integer not null) strict"});
  app.job<plain>([pass](plain) { pass("plain"); }, {.keep = aft::days(1)});
  app.job<effect>(
      [pass](effect e, aft::transaction& tx) {
        tx.execute("insert into effect values ($1)", e.n);
        pass("effect");
      },
      {.keep = aft::days(1)});
}

int worker(const std::string& folder, const std::string& url) {
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &term, nullptr);
  aft::app app({.database = url, .jobs = {.heartbeat = aft::hours(1), .lease = aft::hours(3)}});
  define(app, folder, true);
  app.start({.port = 0, .threads = 1});
  int got = 0;
  ::sigwait(&term, &got);
  app.stop();
  return 0;
}

int ticker(const std::string& url) {
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  aft::app app({.database = url, .time = &time});
  app.job<tick>([](tick) {});
  app.schedule("each", aft::schedule("* * * * *"), tick{});
  app.prepare();
  std::printf("ready\n");
  std::fflush(stdout);
  for (char line[32]; std::fgets(line, sizeof line, stdin);) {
    time.set(aft::time_point(aft::seconds(std::atoll(line))));
    std::printf("%zu\n", app.run_due_jobs());
    std::fflush(stdout);
  }
  return 0;
}

// Runs this program anew.
class child {
 public:
  child(const char* what, const std::string& folder, const std::string& url) {
    int in[2], out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) std::abort();
    process_ = ::fork();
    if (process_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::execl("/proc/self/exe", "worker_fault_test", what, folder.c_str(), url.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    to_ = ::fdopen(in[1], "w");
    from_ = ::fdopen(out[0], "r");
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() {
    if (process_ > 0) {
      ::kill(process_, SIGKILL);
      wait();
    }
    if (to_) ::fclose(to_);
    ::fclose(from_);
  }
  void send(int signal) { ::kill(process_, signal); }
  void say(long long number) {
    std::fprintf(to_, "%lld\n", number);
    std::fflush(to_);
  }
  std::string hear() {
    char line[64] = "";
    if (!std::fgets(line, sizeof line, from_)) return "it is gone";
    return line;
  }
  int wait() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t process_;
  FILE *to_, *from_;
};

// On SQLite a job with a transaction holds the database while it is frozen, so nobody can take it.
template <class Job>
void freeze(const char* what) {
  const temporary_folder files;
  const auto folder = files / ".";
  const auto url = new_database(folder + "/test.db");
  child frozen("worker", folder, url);
  aft::app app({.database = url,
                .jobs = {.heartbeat = aft::milliseconds(100), .lease = aft::milliseconds(400)}});
  define(app, folder, false);
  const auto id = app.db().write([](aft::transaction& tx) { return aft::enqueue(tx, Job{1}); });
  wait_for(folder + "/begun_" + what);
  frozen.send(SIGSTOP);
  app.start({.port = 0, .threads = 1});
  const auto job = [&] {
    return app.db().read([&](aft::reader& db) { return aft::jobs::find(db, id); });
  };
  const bool taken = soon([&] { return job()->state == aft::jobs::job_state::done; });
  check(taken, "another worker takes the job of a frozen one after the lease");
  const auto before = job();
  touch(folder + "/go");
  frozen.send(SIGCONT);
  frozen.send(SIGTERM);
  check(frozen.wait() == 0, "the frozen worker wakes and ends in good order");
  const auto after = job();
  check(after->state == aft::jobs::job_state::done && after->attempt == 2 &&
            after->finished_at == before->finished_at && after->history.size() == 1,
        "it has not ended the job, nor another attempt of it");
  const auto effects = app.db().one<int>("select count(*) from effect");
  check(effects == (std::string(what) == "effect" ? 1 : 0), "the effect is there once");
}

void share_a_schedule() {
  constexpr int processes = 8, minutes = 40;
  const temporary_folder files;
  const auto folder = files / ".";
  const auto url = new_database(folder + "/test.db");
  std::vector<std::unique_ptr<child>> all;
  for (int i = 0; i < processes; ++i) {
    all.push_back(std::make_unique<child>("ticker", folder, url));
  }
  for (auto& c : all) c->hear();
  int once = 0;
  for (int minute = 1; minute <= minutes; ++minute) {
    for (auto& c : all) c->say(1'769'860'800 + 60LL * minute);
    int runs = 0;
    for (auto& c : all) runs += std::atoi(c->hear().c_str());
    once += runs == 1;
  }
  std::printf("%d processes, %d moments of one schedule, %d run once\n", processes, minutes, once);
  check(once == minutes, "each moment of a schedule has one job, over eight processes");
}

void lose_the_server() {
  postgres_server server(postgres_server::hasty());
  lost_jobs jobs(server.url());
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 100; ++i) jobs.enqueue();
    server.stop();
    for (int i = 0; i < 5; ++i) jobs.enqueue();
    server.start();
  }
  check(jobs.all_done(), "all jobs are done once the server is back");
  const auto o = jobs.outcome_now();
  std::printf("a server that was lost three times: %d stored, %d refused, %d lost, %d doubled\n",
              o.stored, o.refused, o.lost, o.doubled);
  check(o.lost == 0 && o.doubled == 0 && o.all_touched && o.refused > 0,
        "a server that goes away and comes back loses and doubles nothing");
}

}  // namespace

int main(int count, char** words) {
  const std::string what = count > 1 ? words[1] : "";
  if (what == "worker") return worker(words[2], words[3]);
  if (what == "ticker") return ticker(words[3]);
  freeze<plain>("plain");
  if (on_postgres()) freeze<effect>("effect");
  share_a_schedule();
  if (on_postgres()) lose_the_server();
  return failures ? 1 : 0;
}
