#pragma once
// The tag of an answer, from its own bytes.

#include "call.hpp"

namespace aft::http {

// For a route that says etag(): a successful GET or HEAD of JSON has its tag, or is answered 304.
void add_etag(call& c);

}  // namespace aft::http
