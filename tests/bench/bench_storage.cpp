// What storage costs, against SQLite's own C API. Everything is measured in turns, several times,
// so that a machine with other work to do is as unfair to one as to the other.
//
// The raw figures come from a file of their own, with the same rows: SQLite's locks are cheaper
// while another connection of the process reads the same file. Reads beside a writer are measured
// beside one of another file, too: what they lose then, the machine takes.

#include <sqlite3.h>

#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.hpp"
#include "samples.hpp"
#include "storage_by_c_api.hpp"
#include "storage_by_library.hpp"

namespace bench {
namespace {

constexpr std::size_t rounds = 8;

struct figure {
  const char* name;
  std::function<double()> measure;
  std::vector<double> of_rounds{};
};

void measure(const std::string& file, const std::string& only) {
  library lib(file);  // first, because it tunes SQLite for the whole process
  library other(file + "-other");
  raw without(file + "-raw");

  std::vector<double> latencies, ignored;
  std::vector<figure> figures{
      {"point_read_ns", [&] { return lib.time_point_reads(); }},
      {"raw_autocommit_read_ns", [&] { return without.time_autocommit_reads(); }},
      {"raw_transaction_read_ns", [&] { return without.time_transaction_reads(); }},
      {"view_read_ns", [&] { return lib.time_view_reads(); }},
      {"database_read_ns", [&] { return lib.time_database_reads(); }},
      {"point_read_1000_commits_ns", [&] { return lib.time_point_reads_under_commits(); }},
      {"raw_autocommit_read_1000_commits_ns",
       [&] { return without.time_autocommit_reads_under_commits(); }},
      {"point_read_full_load_ns", [&] { return lib.time_point_reads_under_load_of(lib); }},
      {"point_read_load_elsewhere_ns", [&] { return lib.time_point_reads_under_load_of(other); }},
      {"raw_autocommit_read_full_load_ns",
       [&] { return without.time_autocommit_reads_under_load(); }},
      {"raw_transaction_read_full_load_ns",
       [&] { return without.time_transaction_reads_under_load(); }},
      {"wide_row_ns", [&] { return lib.time_wide_rows(); }},
      {"raw_wide_row_ns", [&] { return without.time_wide_rows(); }},
      {"group_commit_64_per_s", [&] { return lib.time_commits(64, latencies); }},
      {"one_in_flight_per_s", [&] { return lib.time_commits(1, ignored); }},
      {"commit_per_request_per_s", [&] { return without.time_lone_commits(); }},
      {"raw_batch_64_per_s", [&] { return without.time_batches(); }},
  };
  std::erase_if(figures, [&](const figure& f) {
    return std::string_view(f.name).find(only) == std::string_view::npos;
  });
  std::vector<double> p50s, p99s;
  for (std::size_t round = 0; round <= rounds; ++round) {
    for (std::size_t i = 0; i < figures.size(); ++i) {  // each round begins with another
      auto& f = figures[(i + round) % figures.size()];
      const double value = f.measure();
      if (round) f.of_rounds.push_back(value);  // the first only fills caches
    }
    if (!round || latencies.empty()) continue;
    p50s.push_back(percentile(latencies, 0.5));
    p99s.push_back(percentile(latencies, 0.99));
  }

  std::printf("{\"sqlite\": \"%s\"", sqlite3_libversion());
  for (auto& f : figures) std::printf(", \"%s\": %.1f", f.name, median(f.of_rounds));
  if (!p50s.empty()) {
    std::printf(", \"group_commit_64_p50_us\": %.1f, \"group_commit_64_p99_us\": %.1f",
                median(p50s), median(p99s));
  }
  std::printf("}\n");
}

}  // namespace
}  // namespace bench

int main(int count, char** words) {
  const bench::arguments given(count, words, {"--database", "--only"});
  if (!given.has("--database")) {
    bench::arguments::refuse(
        {"give --database FILE; FILE, FILE-other and FILE-raw are made where they are not. ",
         "--only TEXT leaves out figures whose names do not hold it"});
  }
  try {
    bench::measure(given.text("--database", ""), given.text("--only", ""));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
  return bench::seen ? 0 : 1;
}
