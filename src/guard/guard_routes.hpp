#pragma once
// Teaches the router who asks.

#include "../http/dispatcher.hpp"
#include "guard.hpp"

namespace aft::guarding {

// Before the dispatcher starts, and after it knows what a reader is. The guard outlives it.
void provide_guard(http::dispatcher& routes, guard& g);

}  // namespace aft::guarding
