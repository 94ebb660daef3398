#pragma once
// A PostgreSQL server for the tests of one program, in a temporary folder, behind a Unix socket.

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "storage/postgres/libpq.hpp"
#include "temporary_file.hpp"

// Whether the tests of this run are of PostgreSQL. The same program tests both engines.
inline bool on_postgres() {
  const char* engine = std::getenv("AFT_TEST_ENGINE");
  return engine && std::string(engine) == "postgres";
}

class postgres_server {
 public:
  // Started when it is first asked for. Where there is no PostgreSQL, the program ends as skipped.
  static postgres_server& shared() {
    static postgres_server only(hasty());
    return only;
  }

  // What is faster than it is durable.
  static std::vector<std::string> hasty() {
    return {"fsync=off", "full_page_writes=off", "shared_buffers=16MB"};
  }

  // Started with these settings on top of the configuration, after prepare(*this), which may put
  // files into its folder, a cluster in "data" among them. Where there is no PostgreSQL, the
  // program ends as skipped.
  explicit postgres_server(std::vector<std::string> settings,
                           const std::function<void(postgres_server&)>& prepare = {},
                           int port = 5432)
      : settings_(std::move(settings)), port_(port) {
    find_programs();
    if (prepare) prepare(*this);
    if (!std::filesystem::exists(place() + "/data")) make_cluster();
    start();
  }

  postgres_server(const postgres_server&) = delete;
  postgres_server& operator=(const postgres_server&) = delete;
  ~postgres_server() { stop(); }

  // Tables of its own in a schema of its own, which costs less than a database.
  std::string new_url() {
    const auto schema = "test_" + std::to_string(++schemas_);
    execute("create schema " + schema);
    return url("options=-csearch_path%3D" + schema);
  }
  std::string url(const std::string& parameters = "") const {
    return "postgresql://aft@/postgres?host=" + place() + "&port=" + std::to_string(port_) +
           (parameters.empty() ? "" : "&") + parameters;
  }

  // The folder of its data and its socket.
  std::string place() const {
    auto path = folder_ / "";
    path.pop_back();
    return path;
  }

  // Runs a program of PostgreSQL to its end; whether it went well.
  bool run_program(std::vector<std::string> words) const {
    words[0] = bin_ + "/" + words[0];
    if (!std::filesystem::exists(words[0])) {
      std::fprintf(stderr, "SKIPPED: there is no %s\n", words[0].c_str());
      std::exit(77);
    }
    int status = 0;
    ::waitpid(run(words), &status, 0);
    return status == 0;
  }

  // A folder of the server's user in its own folder.
  std::string make_folder(const std::string& name) const {
    const auto path = folder_ / name;
    if (::mkdir(path.c_str(), 0700) != 0 || (user_ && ::chown(path.c_str(), user_, group_) != 0)) {
      throw std::runtime_error("cannot make " + path);
    }
    return path;
  }

  // Makes a file one that the server may read, and nobody else.
  void give(const std::string& file) const {
    if (::chmod(file.c_str(), 0600) != 0 || (user_ && ::chown(file.c_str(), user_, group_) != 0)) {
      throw std::runtime_error("cannot give " + file);
    }
  }

  // The first value of the result, by a connection of its own.
  std::string execute(const std::string& text) const {
    using namespace aft::storage::postgres;
    const open_connection db(PQconnectdb(url().c_str()));
    const result r(PQexec(db.get(), text.c_str()));
    const auto status = PQresultStatus(r.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
      throw std::runtime_error(PQerrorMessage(db.get()));
    }
    return PQntuples(r.get()) && PQnfields(r.get()) ? PQgetvalue(r.get(), 0, 0) : "";
  }

  // Ends the connections of clients, as an administrator would.
  int end_connections(const std::string& which = "true") const {
    return std::stoi(
        execute("select count(pg_terminate_backend(pid)) from pg_stat_activity "
                "where pid <> pg_backend_pid() and backend_type = 'client backend' and (" +
                which + ")"));
  }

  void start() {
    std::vector<std::string> words{bin_ + "/postgres", "-D", place() + "/data", "-k", place()};
    const auto port = "port=" + std::to_string(port_);
    words.insert(words.end(), {"-c", "listen_addresses=", "-c", "max_connections=100", "-c", port});
    for (const auto& setting : settings_) words.insert(words.end(), {"-c", setting});
    process_ = run(words);
    while (PQping(url().c_str()) != PQPING_OK) {
      if (::waitpid(process_, nullptr, WNOHANG) == process_) {
        throw std::runtime_error("the PostgreSQL server of the tests did not start");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  // Whether it has not ended by itself.
  bool runs() {
    if (process_ > 0 && ::waitpid(process_, nullptr, WNOHANG) == process_) process_ = 0;
    return process_ > 0;
  }
  void stop() {
    if (process_ <= 0) return;
    ::kill(process_, SIGINT);  // it ends its connections
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }

 private:
  void find_programs() {
    const std::filesystem::path versions("/usr/lib/postgresql");
    if (std::filesystem::is_directory(versions)) {
      for (const auto& version : std::filesystem::directory_iterator(versions)) {
        const auto bin = (version.path() / "bin").string();
        if (std::filesystem::exists(bin + "/initdb") && bin > bin_) bin_ = bin;
      }
    }
    if (bin_.empty()) {
      std::fprintf(stderr,
                   "SKIPPED: there is no PostgreSQL here; cmake/setup --tests installs it\n");
      std::exit(77);
    }
    if (::getuid() != 0) return;
    const auto* user = ::getpwnam("postgres");  // it refuses to run as root
    if (!user) throw std::runtime_error("there is no user postgres");
    user_ = user->pw_uid;
    group_ = user->pw_gid;
    if (::chown(place().c_str(), user_, group_) != 0) throw std::runtime_error("chown failed");
  }
  void make_cluster() {
    if (!run_program({"initdb", "-D", place() + "/data", "-U", "aft", "-A", "trust", "-E", "UTF8",
                      "--locale=C", "--no-sync"})) {
      throw std::runtime_error("initdb failed");
    }
  }

  pid_t run(std::vector<std::string> words) const {
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const auto output = folder_ / "output";
    const auto child = ::fork();
    if (child != 0) return child;
    if (user_ && (::setgroups(0, nullptr) != 0 || ::setgid(group_) != 0 || ::setuid(user_) != 0)) {
      ::_exit(1);
    }
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);  // it must not outlive the tests
    const int file = ::open(output.c_str(), O_CREAT | O_APPEND | O_WRONLY, 0600);
    const int nothing = ::open("/dev/null", O_RDONLY);
    if (file < 0 || ::dup2(nothing, 0) < 0 || ::dup2(file, 1) < 0 || ::dup2(file, 2) < 0) {
      ::_exit(1);
    }
    ::execv(arguments[0], arguments.data());
    ::_exit(1);
  }

  temporary_folder folder_;
  const std::vector<std::string> settings_;
  const int port_;
  std::string bin_;
  uid_t user_ = 0;
  gid_t group_ = 0;
  pid_t process_ = 0;
  int schemas_ = 0;
};
