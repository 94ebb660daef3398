// The routes of TechEmpower's benchmark and two more, on aft.

#include <sqlite3.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aft/aft.hpp>

#include "arguments.hpp"
#include "fortunes.hpp"
#include "raw_sqlite.hpp"

namespace bench {
namespace {

constexpr std::int64_t world_size = 10'000;

const char* const world_schema = R"(
create table world (
  id           integer primary key,
  randomNumber integer not null
) strict;
with recursive number (i) as (select 1 union all select i + 1 from number where i < 10000)
insert into world (id, randomNumber) select i, abs(random() % 10000) + 1 from number;
)";

const char* const row_schema = R"(
create table row (
  id   integer primary key,
  name text not null
) strict;
)";

struct greeting {
  std::string message;
};
struct world {
  std::int64_t id;
  std::int64_t randomNumber;  // the benchmark's own spelling, in SQL and in JSON
};
struct new_row {
  std::string name;
};
struct saved_row {
  std::int64_t id;
};

std::int64_t random_world() {
  thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_int_distribution<std::int64_t>(1, world_size)(generator);
}

// What is missing or no number counts as 1; the rest is brought between 1 and 500.
std::size_t query_count(const aft::request& request) {
  constexpr std::string_view name = "queries=";
  const auto query = request.query();
  if (!query.starts_with(name)) return 1;
  const auto value = query.substr(name.size());
  std::size_t count = 1;
  const auto read = std::from_chars(value.data(), value.data() + value.size(), count);
  if (read.ec == std::errc::result_out_of_range) return 500;
  return read.ec == std::errc() ? std::clamp<std::size_t>(count, 1, 500) : 1;
}

world read_world(aft::reader& db, std::int64_t id) {
  return db.one<world>("select id, randomNumber from world where id = $1", id);
}

std::vector<world> read_worlds(aft::reader& db, std::size_t count) {
  std::vector<world> worlds;
  worlds.reserve(count);
  while (worlds.size() < count) worlds.push_back(read_world(db, random_world()));
  return worlds;
}

std::vector<world> update_worlds(aft::transaction& tx, std::size_t count) {
  auto worlds = read_worlds(tx, count);
  for (auto& w : worlds) {
    w.randomNumber = random_world();
    tx.execute("update world set randomNumber = $2 where id = $1", w.id, w.randomNumber);
  }
  return worlds;
}

void define_routes(aft::app& app) {
  app.migrate({"001_world", world_schema});
  app.migrate({"002_fortune", fortune_schema});
  app.migrate({"003_row", row_schema});

  app.get("/plaintext", [] { return "Hello, World!"; });
  app.get("/json", [] { return greeting{"Hello, World!"}; });
  app.get("/users/{id}", [](std::int64_t id) { return std::to_string(id); });

  app.get("/db", [](aft::reader& db) { return read_world(db, random_world()); });
  app.get("/queries", [](const aft::request& request, aft::reader& db) {
    return read_worlds(db, query_count(request));
  });
  app.get("/updates", [](const aft::request& request, aft::transaction& tx) {
    return update_worlds(tx, query_count(request));
  });
  app.get("/fortunes", [](aft::reader& db) {
    return aft::html(write_fortunes(db.all<fortune>("select id, message from fortune")));
  });
}

void define_rows(aft::app& app) {
  app.post("/rows", [](aft::body<new_row> in, aft::transaction& tx) -> aft::created<saved_row> {
    return {{tx.one<std::int64_t>("insert into row (name) values ($1) returning id", in->name)}};
  });
}

// The same route as most programs on SQLite have it: one connection behind a mutex, and each
// request commits for itself. It waits on the work lane, so that other requests are parsed and
// answered.
class lone_commits {
 public:
  explicit lone_commits(const std::string& file)
      : connection_(file), insert_(connection_, "insert into row (name) values (?1)") {}

  std::int64_t insert(const std::string& name) {
    std::lock_guard lock(mutex_);
    sqlite3_bind_text(insert_.handle(), 1, name.data(), int(name.size()), SQLITE_STATIC);
    insert_.run();
    return connection_.last_row_id();
  }

 private:
  std::mutex mutex_;
  raw_connection connection_;  // guarded by mutex_, as is the next
  raw_statement insert_;
};

void define_lone_rows(aft::app& app, std::optional<lone_commits>& rows) {
  using answer = aft::created<saved_row>;
  app.post("/rows", aft::blocking([&rows](aft::body<new_row> in) -> answer {
             return {{rows->insert(in->name)}};
           }));
}

void serve(const arguments& given) {
  const auto file = given.text("--database", ":memory:");
  const bool alone = given.has("--commit-per-request");
  if (alone && file == ":memory:") {
    arguments::refuse({"--commit-per-request needs a file; give --database FILE too"});
  }
  const auto port = std::uint16_t(given.number("--port", 8080, 0, 65535));
  const auto threads = unsigned(given.number("--threads", 0, 0, 256));

  std::optional<lone_commits> rows;
  aft::app_options options{.database = file, .least_log_level = aft::log_level::error};
  options.log = aft::log_to_stderr();
  aft::app app(std::move(options));
  define_routes(app);
  if (alone) define_lone_rows(app, rows);
  else define_rows(app);
  app.prepare();  // makes the tables
  if (alone) rows.emplace(file);
  app.run({.port = port, .threads = threads});
}

}  // namespace
}  // namespace bench

int main(int count, char** words) {
  const bench::arguments given(count, words, {"--port", "--threads", "--database"},
                               {"--commit-per-request"});
  try {
    bench::serve(given);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
