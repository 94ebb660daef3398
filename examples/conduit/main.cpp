// Conduit: the RealWorld API on aft.
//
//   conduit [--port N] [--address A] [--database URL] [--threads N] [--web DIRECTORY]
//
// The same settings may stand in conduit.toml or the environment (CONDUIT_PORT); --help tells of
// all, and --settings of where each comes from. Prints "listening on http://127.0.0.1:8080" once it
// is ready, and stops cleanly on SIGTERM.

#include <cstdio>
#include <string>

#include "conduit.hpp"

namespace {

struct config {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;
  unsigned threads = 0;
  std::string database = "conduit.db";
  std::string web{};
  bool check = false;
  static void rules(aft::rules<config>& r) {
    r(&config::address).describe("where to listen: an IP address, unix:/run/x.sock, inherited");
    r(&config::port).describe("0: any that is free");
    r(&config::threads).describe("event loops; 0: one for each core, at most four");
    r(&config::database).describe("a file, or postgresql://...");
    r(&config::web).describe("a built front end, served at /");
    r(&config::check).describe("say what is unsafe about these settings, and end");
  }
};

// Any RealWorld front end that was built for the origin it is served from.
void serve_front_end(aft::app& app, const std::string& directory) {
  app.files("/", directory, {.single_page = true});
  app.any("/api/{rest...}", [](std::string) { return aft::problem{404, "no such path"}; }).hidden();
}

}  // namespace

int main(int count, char** words) try {
  const auto found = aft::read_settings<config>(
      {.program = "conduit", .environment = "CONDUIT_", .file = "conduit.toml"}, count, words);
  if (!found) {
    std::fputs(found.reason().text.c_str(), found.reason().status ? stderr : stdout);
    return found.reason().status;
  }
  const auto& given = found->values;
  auto options = conduit::options();
  options.database = given.database;
  conduit::keys keys;
  aft::app app(std::move(options));
  conduit::define(app, keys);
  if (!given.web.empty()) serve_front_end(app, given.web);
  const aft::listen_options listen{
      .address = given.address, .port = given.port, .threads = given.threads};
  if (given.check) {
    const auto findings = app.self_check(listen);
    std::fputs(aft::describe(findings).c_str(), stdout);
    return aft::is_unsafe(findings);
  }
  app.run(listen);
  return 0;
} catch (const aft::configuration_error& e) {
  std::fprintf(stderr, "conduit: %s\n", e.what());
  return 2;
}
