#pragma once
// A place for the files of one test.

#include <stdlib.h>

#include <filesystem>
#include <string>

class temporary_folder {
 public:
  temporary_folder() {
    auto place = (std::filesystem::temp_directory_path() / "aft-test-XXXXXX").string();
    if (!::mkdtemp(place.data())) throw std::runtime_error("no temporary folder");
    path_ = place;
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};
