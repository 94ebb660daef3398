#pragma once
// The context of a call, for those who ask.

#include <string>
#include <string_view>

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
  void set_user(std::string_view id) override { context_.user_id = id; }  // without making it
  aft::detail::span_collector* collector() const override;
  bool is_made() const { return made_; }
  void reset() {
    made_ = false;
    context_.user_id.clear();
  }

  // Of the step that called, in another program; empty: nobody's.
  const std::string& parent_id() const { return parent_id_; }

 private:
  void make();

  call& call_;
  bool made_ = false;
  request_context context_;
  std::string parent_id_{};
};

}  // namespace aft::http
