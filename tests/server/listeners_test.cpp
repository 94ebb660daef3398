#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include <doctest/doctest.h>

#include <aft/app.hpp>

#include "../temporary_file.hpp"
#include "client.hpp"

namespace {

const std::string get = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

struct site : aft::app {
  site() {
    get("/", [] { return "root"; });
  }
};

int connect_unix(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  path.copy(to.sun_path, sizeof to.sun_path - 1);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return fd;
  ::close(fd);
  return -1;
}

std::string ask_unix(const std::string& path) {
  const int fd = connect_unix(path);
  if (fd < 0) return "cannot connect";
  client c(client::connected{fd});
  c.send(get);
  return c.receive();
}

std::string refused(aft::listen_options options) {
  try {
    site s;
    s.start(std::move(options));
  } catch (const aft::configuration_error& e) {
    return e.what();
  }
  return "it started";
}

}  // namespace

TEST_CASE("one app listens at several places") {
  temporary_folder folder;
  const auto file = folder / "app.sock";
  {
    site s;
    const auto first =
        s.start({.port = 0, .also = {"127.0.0.1:0", "[::1]:0", "unix:" + file}, .threads = 2});
    const auto places = s.endpoints();
    REQUIRE(places.size() == 4);
    CHECK(places[0].url() == first.url());
    CHECK(places[2].url().starts_with("http://[::1]:"));
    CHECK(places[3].url() == "unix:" + file);
    for (int i = 0; i < 2; ++i) {
      client c(places[std::size_t(i)].port);
      c.send(get);
      CHECK(c.receive().ends_with("root"));
    }
    for (int i = 0; i < 20; ++i) CHECK(ask_unix(file).ends_with("root"));
    struct stat about {};
    REQUIRE(::stat(file.c_str(), &about) == 0);
    CHECK((about.st_mode & 0777) == 0600);
    CHECK(refused({.address = "unix:" + file}) ==
          "unix:" + file + " is in use; choose another path");
  }
  CHECK(ask_unix(file) == "cannot connect");
  CHECK(::access(file.c_str(), F_OK) != 0);
}

TEST_CASE("the socket of a dead server is replaced, and has the mode that was asked for") {
  temporary_folder folder;
  const auto file = folder / "app.sock";
  const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  file.copy(to.sun_path, sizeof to.sun_path - 1);
  REQUIRE(::bind(dead, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  ::close(dead);
  site s;
  s.start({.address = "unix:" + file, .socket_mode = 0660});
  CHECK(ask_unix(file).ends_with("root"));
  struct stat about {};
  REQUIRE(::stat(file.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0660);
}

TEST_CASE("a file that is no socket is left alone, and so is a successor's socket") {
  temporary_folder folder;
  const auto file = folder / "app.sock";
  { std::ofstream(file) << "precious"; }
  CHECK(refused({.address = "unix:" + file}).find("is in use") != std::string::npos);
  CHECK(std::filesystem::file_size(file) == 8);
  std::filesystem::remove(file);

  std::atomic<bool> inside{false}, go{false};
  std::optional<site> first(std::in_place);
  first->get("/slow", aft::blocking([&] {
               inside = true;
               while (!go) std::this_thread::yield();
               return "slow";
             }));
  first->start({.address = "unix:" + file});
  const int fd = connect_unix(file);
  client slow(client::connected{fd});
  slow.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
  while (!inside) std::this_thread::yield();
  std::thread stops([&] { first->stop(); });
  while (connect_unix(file) >= 0) std::this_thread::yield();
  site second;
  second.start({.address = "unix:" + file});
  go = true;
  stops.join();
  CHECK(ask_unix(file).ends_with("root"));
}

TEST_CASE("sockets may come from whoever started the process") {
  CHECK(refused({.address = "inherited"}).find("LISTEN_FDS") != std::string::npos);
  const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  REQUIRE(::bind(listening, reinterpret_cast<sockaddr*>(&at), size) == 0);
  REQUIRE(::listen(listening, 10) == 0);
  REQUIRE(::getsockname(listening, reinterpret_cast<sockaddr*>(&at), &size) == 0);
  const auto child = ::fork();
  if (child == 0) {
    ::dup2(listening, 3);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", "1", 1);
    try {
      site s;
      const auto where = s.start({.address = "inherited", .threads = 2});
      client c(where.port);
      c.send(get);
      ::_exit(where.port == ntohs(at.sin_port) && c.receive().ends_with("root") ? 0 : 1);
    } catch (const std::exception&) {
      ::_exit(2);
    }
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  ::close(listening);
}

TEST_CASE("a place that is none is refused") {
  for (const char* place : {"", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000",
                            "::1:8080", "[::1]", "unix:"}) {
    CAPTURE(place);
    CHECK(refused({.port = 0, .also = {place}}) != "it started");
  }
  CHECK(refused({.address = "unix:" + std::string(200, 'x')}).find("is no path") !=
        std::string::npos);
  CHECK(refused({.address = "unix:/nowhere/at/all"}).find("cannot listen") != std::string::npos);
}
