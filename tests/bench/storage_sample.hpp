#pragma once
// What the figures of storage are measured with: tables, rows and how reads are timed.

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

namespace bench {

using clock = std::chrono::steady_clock;

// Of a round. Beside a writer it is some times as long as the log takes to begin anew.
constexpr auto read_time = std::chrono::milliseconds(50);
constexpr auto read_time_beside_writer = std::chrono::milliseconds(250);
constexpr auto write_time = std::chrono::milliseconds(300);
inline constexpr std::int64_t people = 100'000;

inline constexpr const char* schema = R"(
create table if not exists person (
  id    integer primary key,
  name  text not null,
  email text not null,
  age   integer not null,
  bio   text not null
) strict;
create table if not exists event (
  id     integer primary key,
  person integer not null,
  kind   text not null,
  body   text not null
) strict;
create table if not exists wide (
  id integer primary key,
  a1 integer not null, a2 integer not null, a3 integer not null, a4 integer not null,
  a5 integer not null, a6 integer not null, a7 integer not null, a8 real not null,
  a9 real not null, b1 text not null, b2 text not null, b3 text not null, b4 text not null,
  b5 text not null, b6 text not null, b7 text, b8 text, b9 integer, c1 integer
) strict;
with recursive number (i) as (select 1 union all select i + 1 from number where i < 1000)
insert or ignore into wide
  select i, i, i * 2, i * 3, i * 4, i * 5, i * 6, i * 7, i / 3.0, i / 7.0, 'one', 'two ' || i,
         'three and more', 'four', 'five ' || i, 'a text that is longer than what fits inside',
         null, 'eight', i, null
  from number;
with recursive number (i) as (select 1 union all select i + 1 from number where i < 100000)
insert or ignore into person
  select i, 'Person ' || i, 'person' || i || '@example.com', 18 + i % 80,
         'Some words about somebody, of about the length that such words have.'
  from number;
)";

struct person {
  std::int64_t id;
  std::string name;
  std::string email;
  std::int64_t age;
  std::string bio;
};

struct wide {
  std::int64_t id, a1, a2, a3, a4, a5, a6, a7;
  double a8, a9;
  std::string b1, b2, b3, b4, b5, b6;
  std::optional<std::string> b7, b8;
  std::optional<std::int64_t> b9, c1;
};
constexpr int wide_rows = 1000;  // of 20 columns
constexpr int batch = 64;        // inserts in one transaction

constexpr std::string_view event_body =
    R"({"title":"hello world","text":"about one hundred bytes, typical of a small JSON document"})";

// Keeps the compiler from leaving out what nobody looks at.
inline std::uint64_t seen = 0;

class random_ids {
 public:
  std::int64_t next() { return std::int64_t(generator_() % std::uint64_t(people)) + 1; }

 private:
  std::minstd_rand generator_{20'240};
};

inline double since(clock::time_point began) {
  return std::chrono::duration<double>(clock::now() - began).count();
}

// Nanoseconds for one of as many calls as the time allows. A time before it is not measured: a
// commit makes SQLite forget its cached pages, and who reads first after one would pay for all.
template <class F>
double time_reads(std::chrono::milliseconds at_least, F&& read_one) {
  double took = 0;
  std::uint64_t count = 0;
  random_ids ids;
  for (int pass = 0; pass < 2; ++pass) {
    const auto began = clock::now();
    for (count = 0; clock::now() - began < at_least; count += 100) {
      for (int i = 0; i < 100; ++i) {
        const person found = read_one(ids.next());
        seen += std::uint64_t(found.age) + found.bio.size();
      }
    }
    took = since(began);
  }
  return took * 1e9 / double(count);
}

}  // namespace bench
