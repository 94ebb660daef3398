// Whether a page deep in a large table costs what the first one does: fills a table, walks through
// all of its pages by their cursors, and reads the first, a middle and the last one many times.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <aft/storage/database.hpp>
#include <aft/storage/repository.hpp>

#include "../postgres_server.hpp"
#include "arguments.hpp"
#include "samples.hpp"

namespace bench {
namespace {

using clock = std::chrono::steady_clock;

constexpr int times = 500;                 // each page is read
constexpr std::int64_t portion = 100'000;  // rows of one transaction

struct entry {
  std::int64_t id;
  std::int64_t happened_at;
  std::string title;
};
struct walk_request {
  aft::bounded<int, 1, 1000> limit{1000};
  std::optional<std::string> cursor{};
  std::optional<std::string> sort{};
};

const char* const table = R"(
create table entry (
  id          integer primary key,
  happened_at integer not null,
  title       text not null
) strict;
create index entry_happened on entry (happened_at, id);
)";

double milliseconds_since(clock::time_point began) {
  return std::chrono::duration<double, std::milli>(clock::now() - began).count();
}

class paged_table {
 public:
  paged_table(const std::string& url, std::int64_t rows) : db_(url, {}, log_, time_), rows_(rows) {
    db_.migrate("bench", {{"001", table}});
  }

  // In no order of their times.
  void fill() {
    for (std::int64_t from = 1; from <= rows_; from += portion) {
      const auto last = std::min(from + portion - 1, rows_);
      db_.write([&](aft::transaction& tx) {
        tx.execute(
            "with recursive n(i) as (select cast($1 as bigint) union all select i + 1 from n "
            "where i < $2) "
            "insert into entry select i, (i * 7919) % 1000003, 'The title of an entry, ' || i "
            "from n",
            from, last);
      });
    }
    db_.write([](aft::transaction& tx) { tx.execute("analyze entry"); });
  }

  // The cursors of the first, the middle and the last page of 20.
  std::array<std::optional<std::string>, 3> walk(const std::string& sort) {
    std::array<std::optional<std::string>, 3> found;
    std::int64_t seen = 0;
    walk_request q{.limit = 1000, .cursor = {}, .sort = sort};
    while (true) {
      const auto left = rows_ - seen;
      if (left > 20 && left <= 1020) q.limit = int(left - 20);  // so that the last is whole
      const auto page = read(q);
      seen += std::int64_t(page.items.size());
      if (seen <= rows_ / 2) found[1] = page.next;
      if (!page.next) break;
      found[2] = page.next;
      q.cursor = page.next;
    }
    if (seen != rows_) throw std::runtime_error("the walk did not see each row once");
    return found;
  }

  // Milliseconds.
  std::vector<double> time_page(const std::string& sort, const std::optional<std::string>& cursor) {
    std::vector<double> all;
    for (int i = 0; i < times; ++i) {
      const auto began = clock::now();
      const auto page = read({.limit = 20, .cursor = cursor, .sort = sort});
      all.push_back(milliseconds_since(began));
      if (page.items.size() != 20) throw std::runtime_error("a page is not whole");
    }
    return all;
  }

 private:
  aft::page<entry> read(const walk_request& q) {
    auto page = db_.read([&](aft::reader& r) { return entries_.list(r, q); });
    if (!page) throw std::runtime_error("a page was refused: " + page.reason().detail);
    return *std::move(page);
  }

  const aft::repository<entry> entries_{"entry", {.sort = {"happened_at"}}};
  aft::logger log_;
  aft::clock time_;
  aft::database db_;
  const std::int64_t rows_;
};

void measure(const std::string& url, std::int64_t rows) {
  paged_table t(url, rows);
  auto began = clock::now();
  t.fill();
  std::printf("{\"rows\": %lld, \"fill_s\": %.1f", static_cast<long long>(rows),
              milliseconds_since(began) / 1000);
  for (const std::string sort : {"id", "-happened_at"}) {
    began = clock::now();
    const auto cursors = t.walk(sort);
    std::printf(",\n \"%s\": {\"walk_s\": %.1f", sort.c_str(), milliseconds_since(began) / 1000);
    const char* const names[] = {"first", "middle", "last"};
    for (std::size_t i = 0; i < cursors.size(); ++i) {
      auto took = t.time_page(sort, cursors[i]);
      std::printf(", \"%s_p50_ms\": %.3f, \"%s_p99_ms\": %.3f", names[i], median(took), names[i],
                  percentile(took, 0.99));
    }
    std::printf("}");
  }
  std::printf("}\n");
}

}  // namespace
}  // namespace bench

int main(int count, char** words) {
  const bench::arguments given(count, words, {"--database", "--rows"}, {"--postgres"});
  if (given.has("--database") == given.has("--postgres")) {
    bench::arguments::refuse(
        {"give --database FILE, which is made, or --postgres for a server of "
         "its own; --rows N is a million where it is not given"});
  }
  try {
    const auto rows = std::int64_t(given.number("--rows", 1'000'000, 5'000, 1'000'000'000));
    std::optional<postgres_server> server;
    if (given.has("--postgres")) server.emplace(std::vector<std::string>{"shared_buffers=128MB"});
    bench::measure(server ? server->url() : given.text("--database", ""), rows);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
