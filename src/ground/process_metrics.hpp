#pragma once
// What the process uses: CPU, memory, threads, file descriptors.

#include <aft/ground/metrics.hpp>

namespace aft::detail {

// Leaves out what the system does not tell.
void collect_process(metric_sink& to);

}  // namespace aft::detail
