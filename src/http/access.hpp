#pragma once
// Judges by the head of a request who may call.

#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/buffer.hpp>
#include <aft/http/access.hpp>

#include "head.hpp"

namespace aft::http {

// Without the port, and without the dot that ends a name's root.
std::string_view host_name(std::string_view authority);

// Filled on one thread; afterwards const from any.
class access_policy {
 public:
  access_policy() = default;  // anybody, under any name
  // Throws configuration_error for what is no host or no origin.
  access_policy(const access_options& options, const page_options& pages);

  // By the header lines alone.
  access_verdict judge(const request_head& head) const;

  // Whether a request with this verdict is let in.
  static bool lets_in(access_verdict v, const request_head& head);

  // Whole header lines.
  std::string_view for_every_answer() const { return always_; }
  std::string_view for_origins() const { return shared_; }  // after Access-Control-Allow-Origin
  std::string_view for_preflights() const { return preflight_; }
  void add_page_lines(buffer& lines) const;  // those of a page that it has not yet

 private:
  bool knows_host(std::string_view host) const;
  bool knows_origin(std::string_view origin) const;

  std::vector<std::string> hosts_{}, origins_{};
  bool open_ = true;
  bool any_host_ = false, any_origin_ = false;
  std::string always_{}, shared_{}, preflight_{};
  std::vector<std::string> page_lines_{};
};

}  // namespace aft::http
