#pragma once
// A database of its own for each test, of the engine that this run is of.

#include <string>

#include <aft/storage/database.hpp>

#include "../temporary_file.hpp"
#include "../test_database.hpp"
#include "../test_key.hpp"

// What it says why not.
template <class F>
std::string thrown_by(F&& f) {
  try {
    f();
  } catch (const aft::error& e) {
    return e.what();
  }
  return "nothing was thrown";
}
inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

struct storage_fixture {
  temporary_folder folder;
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};  // 2026-01-31T12:00:00Z
  aft::logger log;
  int urls = 0;
  const std::string url = new_url();
  aft::database db{url, {}, log, time};

  std::string new_url() {
    return new_database(folder / ("test_" + std::to_string(++urls) + ".db"));
  }
  void schema(const std::string& sql) { db.migrate("host", {{"001", sql}}); }
};
