// Files that were damaged while nobody had them open.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <aft/storage/database.hpp>

#include "../temporary_file.hpp"

namespace {

namespace fs = std::filesystem;

struct row {
  std::int64_t number;
  std::int64_t halves;
};

struct written : temporary_folder {
  aft::clock time;
  aft::logger log;
  const std::string file = *this / "test.db";

  std::vector<row> read_pairs(const std::string& from) {
    aft::database db(from, {}, log, time);
    db.read([](aft::reader& r) {
      CHECK(r.one<std::string>("select integrity_check from pragma_integrity_check") == "ok");
    });
    return db.read([](aft::reader& r) {
      return r.all<row>("select number, count(*) as halves from pair group by number order by 1");
    });
  }
};

void fill(aft::database& db, int pairs) {
  db.migrate("host", {{"001",
                       "create table pair (number integer not null, half integer not null, "
                       "filling text not null) strict;"}});
  const std::string filling(700, 'x');
  for (std::int64_t i = 0; i < pairs; ++i) {
    db.write([&](aft::transaction& tx) {
      tx.execute("insert into pair (number, half, filling) values ($1, 1, $2)", i, filling);
      tx.execute("insert into pair (number, half, filling) values ($1, 2, $2)", i, filling);
    });
  }
}

}  // namespace

TEST_CASE_FIXTURE(written, "a log that was cut off holds a beginning of what was written") {
  const auto copy = *this / "copy.db";
  constexpr int pairs = 40;
  std::string log_bytes;
  {
    aft::database db(file, {}, log, time);
    fill(db, pairs);
    fs::copy_file(file, copy);  // and not its log yet
    std::ifstream in(file + "-wal", std::ios::binary);
    log_bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  REQUIRE(log_bytes.size() > 100'000);
  std::size_t least = pairs, most = 0;
  for (std::size_t size = log_bytes.size();; size = size > 9'973 ? size - 9'973 : 0) {
    CAPTURE(size);
    const auto cut = *this / "cut.db";
    fs::copy_file(copy, cut, fs::copy_options::overwrite_existing);
    fs::remove(cut + "-shm");
    std::ofstream(cut + "-wal", std::ios::binary).write(log_bytes.data(), std::streamsize(size));
    std::vector<row> found;
    try {
      found = read_pairs(cut);
    } catch (const aft::storage_error& e) {
      CHECK(std::string(e.what()).find("no such table: pair") != std::string::npos);
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
      CHECK(found[i].number == std::int64_t(i));
      CHECK(found[i].halves == 2);
    }
    least = std::min(least, found.size());
    most = std::max(most, found.size());
    if (!size) break;
  }
  CHECK(least == 0);
  CHECK(most == pairs);
}

TEST_CASE_FIXTURE(written, "a damaged page is an error that says so, and no wrong row") {
  {
    aft::database db(file, {}, log, time);
    fill(db, 200);
  }
  const auto size = fs::file_size(file);
  REQUIRE(size > 200'000);
  int told = 0;
  for (std::uintmax_t page = 4; page < size / 4096; page += 7) {
    const auto damaged = *this / "damaged.db";
    fs::copy_file(file, damaged, fs::copy_options::overwrite_existing);
    {
      std::fstream f(damaged, std::ios::binary | std::ios::in | std::ios::out);
      f.seekp(std::streamoff(page * 4096));
      f.write(std::string(512, '\xff').data(), 512);
    }
    aft::database db(damaged, {}, log, time);
    try {
      const auto lengths = db.read([](aft::reader& r) {
        return r.all<std::int64_t>("select length(filling) from pair where number >= 0");
      });
      CHECK(lengths.size() == 400);
      for (const auto length : lengths) CHECK(length == 700);
    } catch (const aft::storage_error& e) {
      CHECK(e.fault() == aft::storage_fault::corrupt);
      ++told;
    }
  }
  CHECK(told > 5);
}
