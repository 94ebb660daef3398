// Conduit: the RealWorld API on aft. README.md beside this leads from a clone to production.
//
//   conduit [--port N] [--address A] [--database URL] [--threads N] [--web DIRECTORY]
//
// --help tells of all settings. Prints "listening on http://127.0.0.1:8080" once it is ready, and
// stops cleanly on SIGTERM.

#include <cstdio>

#include "conduit.hpp"

namespace {

struct config {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;
  unsigned threads = 0;
  std::string database = "conduit.db";
  std::string web{}, backups{}, backup_passphrase{}, restore{}, traces{};
  std::string smtp{}, smtp_user{}, smtp_password{}, mail_from = "conduit@localhost";
  bool check = false;
  static void rules(aft::rules<config>& r) {
    r(&config::address).describe("where to listen: an IP address, unix:/run/x.sock, inherited");
    r(&config::port).describe("0: any that is free");
    r(&config::threads).describe("event loops; 0: one for each core, at most four");
    r(&config::database).describe("a file, or postgresql://...");
    r(&config::web).describe("a built front end, served at /");
    r(&config::backups).describe("where the SQLite file is backed up to, every hour");
    r(&config::backup_passphrase).secret();
    r(&config::restore).describe("a backup to put in the place of the database, and end");
    r(&config::smtp).describe("a server for mail; without one, nobody gets the weekly digest");
    r(&config::smtp_password).secret();
    r(&config::traces).describe("a collector: http://127.0.0.1:4318/v1/traces");
    r(&config::check).describe("say what is unsafe about these settings, and end");
  }
};

aft::problem no_such_path(std::string) { return {404, "no such path"}; }

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
  options.backups.directory = given.backups;
  const aft::backup_key key{.passphrase = given.backup_passphrase};
  options.backups.backup.key = key;
  options.mail = {.from = {given.mail_from, "Conduit"},
                  .smtp = {given.smtp, 0, given.smtp_user, given.smtp_password}};
  conduit::keys keys;
  aft::app app(std::move(options));
  conduit::define(app, keys);
  if (!given.traces.empty()) app.use(aft::traces{.url = given.traces, .service = "conduit"});
  if (!given.smtp.empty()) conduit::define_digest(app);
  if (!given.restore.empty()) {
    const auto r = aft::restore_backup(given.restore, given.database, aft::clock(),
                                       {.key = key, .schema = app.all_migrations()});
    return std::printf("restored; what was there is %s\n", r.previous.c_str()) < 0;
  }
  if (!given.web.empty()) {  // any RealWorld front end that was built for this origin
    app.files("/", given.web, {.single_page = true});
    app.any("/api/{rest...}", no_such_path).hidden();
  }
  const aft::listen_options listen{
      .address = given.address, .port = given.port, .threads = given.threads};
  if (given.check) {
    const auto findings = app.self_check(listen);
    std::fputs(aft::describe(findings).c_str(), stdout);
    return aft::is_unsafe(findings);
  }
  app.run(listen);
  return 0;
} catch (const aft::error& e) {
  std::fprintf(stderr, "conduit: %s\n", e.what());
  return 2;
}
