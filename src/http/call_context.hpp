#pragma once
// The context of a call, for those who ask.

#include <aft/ground/context.hpp>

namespace aft::http {

class call;

class call_context final : public aft::detail::context_source {
 public:
  explicit call_context(call& whose) : call_(whose) {}
  call_context(const call_context&) = delete;
  call_context& operator=(const call_context&) = delete;

  request_context& get() override {
    if (!made_) make();
    return context_;
  }
  bool is_made() const { return made_; }
  void reset() { made_ = false; }

 private:
  void make();

  call& call_;
  bool made_ = false;
  request_context context_;
};

}  // namespace aft::http
