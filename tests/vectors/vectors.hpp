#pragma once
// Test vectors that nobody here wrote. They lie beside the project; where they do not, a test says
// so and is skipped.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

namespace vectors {

constexpr int skipped = 77;  // what CTest takes for "skipped"

inline std::filesystem::path folder(const std::string& name) {
  const char* place = std::getenv("AFT_VECTORS");
  const auto path = std::filesystem::path(place ? place : AFT_VECTORS) / name;
  if (!std::filesystem::exists(path)) {
    std::cerr << "SKIPPED: there are no test vectors at " << path << "\n";
    std::exit(skipped);
  }
  return path;
}

inline std::string read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace vectors
