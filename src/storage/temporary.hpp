#pragma once
// A directory for a database that goes when it is closed.

#include <string>

namespace aft::storage {

// Made in memory where the system has a place for that, readable by its owner alone, and removed
// with what is in it.
class temporary_directory {
 public:
  temporary_directory();
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace aft::storage
