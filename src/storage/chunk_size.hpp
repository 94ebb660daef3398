#pragma once
// How much is done in one transaction, so that others wait for none of them for long.

#include <algorithm>
#include <cstdint>

#include <aft/ground/time.hpp>

namespace aft::storage {

inline constexpr std::int64_t largest_chunk = 20'000;  // rows

// Begins with one row, as nobody knows yet what it costs. Half of what is allowed is aimed at,
// since a chunk may hold dearer rows than the last.
class chunk_size {
 public:
  explicit chunk_size(duration longest) : longest_(longest) {}

  std::int64_t rows() const { return rows_; }
  // The last chunk. One of fewer rows than it might have had says nothing about more.
  void took(duration d, std::int64_t rows) {
    auto next = rows;
    if (d > longest_) next /= 4;
    else if (d > longest_ / 2) next = next * 3 / 4;
    else if (d < longest_ / 16) next *= 4;
    else if (d < longest_ / 4) next *= 2;
    if (rows == rows_ || next < rows) rows_ = std::clamp<std::int64_t>(next, 1, largest_chunk);
  }

 private:
  duration longest_;
  std::int64_t rows_ = 1;
};

}  // namespace aft::storage
