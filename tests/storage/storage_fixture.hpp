#pragma once
// A database of its own for each test.

#include <string>
#include <vector>

#include <aft/storage/database.hpp>

#include "../temporary_file.hpp"

struct storage_fixture {
  temporary_folder folder;
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};  // 2026-01-31T12:00:00Z
  aft::logger log;
  aft::database db{folder / "test.db", {}, log, time};

  void schema(const std::string& sql) { db.migrate("host", {{"001", sql}}); }
};
