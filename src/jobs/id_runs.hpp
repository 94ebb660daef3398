#pragma once
// Ids as runs without a gap: one statement does for a run what else takes one for each id.

#include <algorithm>
#include <cstdint>
#include <vector>

namespace aft::jobs {

struct id_run {
  std::int64_t first, last;  // both are in it
  std::int64_t size() const { return last - first + 1; }
};

// `ids`: in any order, each once.
inline std::vector<id_run> runs_of(std::vector<std::int64_t> ids) {
  std::sort(ids.begin(), ids.end());
  std::vector<id_run> runs;
  for (const auto id : ids) {
    if (!runs.empty() && runs.back().last + 1 == id) runs.back().last = id;
    else runs.push_back({id, id});
  }
  return runs;
}

}  // namespace aft::jobs
