#pragma once
// The routes as they were registered.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <aft/ground/time.hpp>
#include <aft/http/handler.hpp>
#include <aft/http/openapi.hpp>
#include <aft/http/pattern.hpp>
#include <aft/http/routes.hpp>

#include "limiter.hpp"

namespace aft::http {

// What a route says of an answer beside its signature.
struct noted_answer {
  int status;
  std::string when;
  const type_info& (*type)();  // as JSON; null: a problem, or nothing
};
struct noted_parameter {
  std::string name, description, example;
};
struct noted_security {
  std::string scheme;
  bool required;
};

class lane_runner;

struct route_entry {
  aft::method method;
  std::string pattern;  // with the group's prefix
  source_place place;
  http::handler handler;
  std::vector<std::string> names{};  // of its placeholders
  std::string summary{}, description{}, tag{};
  std::vector<noted_answer> answers{};
  std::string operation_id{}, content_type{};
  std::vector<noted_parameter> parameters{};
  std::vector<noted_security> securities{};
  bool has_etag = false;
  std::size_t max_body = 0;  // 0: the server's
  bool hidden = false;
  std::optional<duration> deadline{};  // instead of the app's
  route_policy policy{};               // at the start that of its arguments comes to it
  std::optional<bool> compress{};      // with credentials too; false: never
  std::optional<idempotency_options> idempotent{};
  std::vector<limiter*> limits{};  // those of its groups first
  // Shared with the places that they give.
  std::vector<std::shared_ptr<limiter>> own_limits{};
  bool takes_body_in_parts = false;    // set at the start, as are the next
  lane extract_lane = lane::io;        // where its arguments are made
  lane run_lane = lane::io;            // where it runs
  lane_runner* own_workers = nullptr;  // instead of those of lane::work; set by the app
  std::int64_t time_limit = 0;         // milliseconds; 0: none
  bool is_guarded = false;             // not anyone may use it
  bool is_limited = false;
  lane limit_lane = lane::io;    // where its limits can be asked, all of them
  bool outlives_buffer = false;  // its call leaves the buffer that it was read into
  bool runs_at_once = false;     // for anyone, on the event loop, with nothing before or after
  std::size_t index = 0;         // in the list

  std::string label() const;  // "GET /notes/{id} (notes.cpp:12)"
};

class route_list {
 public:
  std::vector<std::unique_ptr<route_entry>> entries;
  std::vector<std::shared_ptr<limiter>> limits{};   // of groups; likewise
  bool closed = false;                              // the app has started
  std::vector<security_scheme> security_schemes{};  // of the library's own; api_info may have more
};

}  // namespace aft::http
