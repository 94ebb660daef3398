// The peer cpp-httplib: a thread for each connection.

#include <httplib.h>

#include <csignal>
#include <cstdio>

#include "arguments.hpp"

namespace {

httplib::Server* running = nullptr;  // a signal handler can reach nothing but what is global

}  // namespace

int main(int count, char** words) {
  const bench::arguments given(count, words, {"--port"});
  given.answer_version("cpp-httplib " CPPHTTPLIB_VERSION);
  const int port = int(given.number("--port", 8080, 0, 65535));

  httplib::Server server;
  // A connection holds its thread for as long as it lives, so there must be one for each; and one
  // connection may ask as often as it likes.
  server.new_task_queue = [] { return new httplib::ThreadPool(256); };
  server.set_keep_alive_max_count(std::size_t(-1));
  server.set_tcp_nodelay(true);

  server.Get("/plaintext", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("Hello, World!", "text/plain");
  });
  server.Get("/json", [](const httplib::Request&, httplib::Response& response) {
    response.set_content(R"({"message":"Hello, World!"})", "application/json");
  });
  server.Get(R"(/users/(\d+))", [](const httplib::Request& request, httplib::Response& response) {
    response.set_content(request.matches[1].str(), "text/plain");
  });

  const int bound = port ? (server.bind_to_port("127.0.0.1", port) ? port : -1)
                         : server.bind_to_any_port("127.0.0.1");
  if (bound < 0) {
    std::perror("cannot listen");
    return 1;
  }
  running = &server;
  std::signal(SIGTERM, [](int) { running->stop(); });
  std::signal(SIGINT, [](int) { running->stop(); });
  std::printf("listening on http://127.0.0.1:%d\n", bound);
  std::fflush(stdout);
  return server.listen_after_bind() ? 0 : 1;
}
