#pragma once
// What current_context() asks.

#include <aft/ground/context.hpp>

namespace aft::detail {

inline constinit thread_local context_source* current_source = nullptr;

// For the length of a block.
class working_for {
 public:
  explicit working_for(context_source* whom) : before_(current_source) { current_source = whom; }
  working_for(const working_for&) = delete;
  working_for& operator=(const working_for&) = delete;
  ~working_for() { current_source = before_; }

 private:
  context_source* before_;
};

}  // namespace aft::detail
