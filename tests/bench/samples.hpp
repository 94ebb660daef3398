#pragma once
// What is left of many measurements.

#include <algorithm>
#include <cstddef>
#include <vector>

namespace bench {

// The value that `share` of them (0 to 1) do not exceed; 0 of none. Sorts them.
inline double percentile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto at = std::size_t(share * double(values.size()));
  return values[std::min(at, values.size() - 1)];
}

inline double median(std::vector<double>& values) { return percentile(values, 0.5); }

}  // namespace bench
