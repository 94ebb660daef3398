#pragma once
// From a request to its handler and back, on whichever lanes it takes. The parts of a dispatcher:
// dispatcher.cpp runs handlers, dispatcher_start.cpp has what is made of the routes before that,
// dispatcher_route.cpp finds the route of a request, dispatcher_failure.cpp answers failures, and
// dispatcher_record.cpp logs and traces.

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/function.hpp>
#include <aft/ground/log.hpp>
#include <aft/ground/problem.hpp>
#include <aft/ground/resource.hpp>
#include <aft/ground/span.hpp>
#include <aft/http/compression.hpp>
#include <aft/http/message.hpp>

#include "access.hpp"
#include "call.hpp"
#include "ip_address.hpp"
#include "limit_gate.hpp"
#include "route_list.hpp"
#include "route_tree.hpp"
#include "tally.hpp"

namespace aft::http {

// Where a `T&` of a handler comes from.
struct provider {
  resource_key key;
  lane least;  // which lane it lives on
  void* context;
  void* (*get)(void* context, call& c);  // on that lane; never null; may throw
  void (*put)(void* context, call& c);   // when the call is done with it there; may be null
};

// Runs calls on threads of its own.
class lane_runner {
 public:
  lane_runner() = default;
  lane_runner(const lane_runner&) = delete;
  lane_runner& operator=(const lane_runner&) = delete;
  virtual ~lane_runner() = default;
  // Takes the call, or says that the lane is full. What it took, it hands to dispatcher::resume on
  // its thread, and then to call::on_done.
  virtual bool submit(call& c) noexcept = 0;

  // For a lane that would rather have what an event loop reads in one turn at once, as a list (by
  // call::next). Returns those it did not take.
  virtual bool wants_many() const { return false; }
  virtual call* submit_all(call* first) noexcept { return first; }
};

enum class outcome {
  answered,     // the call has its reply
  threw,        // it has its reply too, but the handler threw: what it wrote must be undone
  handed_over,  // another lane has the call now: do not touch it
};

class token_gate;

// Enforces what routes state of who may use them.
struct route_guard {
  void* context = nullptr;  // null: there is none
  lane least = lane::io;    // where check() can run
  // Before the arguments are made, for each route that not anyone may use. Throws a problem to
  // refuse.
  void (*check)(void* context, call& c) = nullptr;
  // An answer that goes on, a body that is made while it is sent or a WebSocket, is about to begin,
  // for somebody who was found out. On its event loop; makes it end with what let it in.
  void (*hold)(void* context, call& c) = nullptr;
};

class dispatcher {
 public:
  using problem_writer = function<response(const problem&, const request&)>;

  dispatcher(const logger& log, problem_writer on_problem, access_policy access = {},
             const compression_options& compression = {.enabled = false});
  dispatcher(const dispatcher&) = delete;
  dispatcher& operator=(const dispatcher&) = delete;

  const access_policy& access() const { return access_; }
  const compression_options& compression() const { return compression_; }

  bool mock = false;    // planned routes answer by example; before the start
  duration deadline{};  // of routes that have none of their own; before the start

  // Lets in no request that it does not let in; must outlive this. Before the start.
  void require(token_gate& gate) { gate_ = &gate; }

  // Routes must state who may use them then. Before the start.
  void guard(route_guard g) { guard_ = g; }

  limit_gate& limits() { return limits_; }  // to be filled before the start

  void provide(provider p) { providers_.push_back(p); }

  // Which of the exceptions that handlers let through are no faults of theirs, what a client is
  // told of them, and how they are logged, from status 500 on. Before the start.
  struct explained {
    problem told;
    log_level level = log_level::info;
  };
  using explanation = std::optional<explained> (*)(const std::exception&);
  void explain(explanation e) { explain_ = e; }

  void set_lane(lane l, lane_runner& runner) { runners_[std::size_t(l)] = &runner; }

  // Takes the routes into use; throws configuration_error that names everything wrong with them.
  void start(route_list& routes);

  bool has_coroutines() const;  // after start()

  // With the head of the request: finds its route. Without one, the call has failed.
  void find_route(call& c) const {
    if (has_found_route(c)) take_route(c, c.literal_route);
    else search_route(c);
  }

  // With the whole request, on the loop that read it. Answered or handed over.
  outcome run(call& c) const;
  // The same for route_entry::runs_at_once, on the quickest way.
  void run_at_once(call& c) const;

  // At the end of a turn in which the context gathers: hands over what it has gathered.
  void hand_over_gathered(lane_context& context) const noexcept;

  // On another lane.
  outcome resume(call& c, lane here) const;

  // For a handler that takes its body as it comes, after run() or resume() has made its arguments.
  // Then run() goes on. False: it refused, and the call has its reply.
  bool give_part(call& c, std::string_view part) const;
  bool end_body(call& c) const;

  // See route_guard::hold.
  void hold(call& c) const {
    if (guard_.hold) guard_.hold(guard_.context, c);
  }

  // A lane has no time for it.
  void refuse_as_busy(call& c) const;
  // What call::later came to, on its loop.
  void end_later(call& c, std::exception_ptr thrown) const noexcept;

  // Turns a failure into its reply.
  void answer_failure(call& c) const;

  void* find(resource_key key, call& c) const;

  tallies& counted() const { return *counted_; }  // after start()
  bool logs_access = false;                       // every answer; before the start
  duration slow_handler{};  // named in the log where they take longer; 0: none is

  aft::detail::span_collector* spans = nullptr;  // null: nobody wants any; before the start

  bool adds_nothing() const {  // to an answer, and does nothing for one
    return !notes_answers() && access_.for_every_answer().empty();
  }
  bool notes_answers() const { return logs_access || spans || slow_handler > duration(); }
  // What logs_access, slow_handler and spans ask for, when there is an answer.
  void note_answer(call& c) const;

  void report_broken(std::string_view what) const;  // an answer that had begun

 private:
  void log_answer(call& c, duration took) const;
  void end_span(call& c, duration took) const;
  static void take_route(call& c, const route_entry* route) {
    c.route = route;
    if (route->max_body) c.max_body = route->max_body;
  }
  // Whether the same head had its route found already, and nobody wants to look at it again.
  bool has_found_route(const call& c) const {
    const auto* client = request_access::client(c.incoming);
    return c.head.is_repeated && c.literal_route && c.head.access == access_verdict::own &&
           !gate_ && !(client && client->https_port);
  }
  void search_route(call& c) const;
  void put_back(call& c) const;
  void report_to(call& c, std::string_view what, log_level level = log_level::error) const;
  bool extract(call& c) const;                             // false: failed, or threw
  bool admit(call& c) const;                               // likewise
  std::optional<outcome> limit(call& c, lane here) const;  // empty: it may go on
  bool take_limits(call& c, bool (limit_gate::*take)(call&) const) const;
  void prepare_route(route_entry& entry, std::string& wrong);
  void check_policy(route_entry& entry, std::string& wrong) const;
  outcome invoke(call& c) const;
  outcome hand_over(call& c, lane here, lane to) const;
  void note_exception(call& c) const;
  void fail_late(call& c) const;
  bool let_in(call& c) const;  // false: answered
  void answer_without_route(call& c, path_verdict verdict) const;
  bool send_to_other_slash(call& c) const;  // false: nothing was there
  void send_to_https(call& c, const std::string& port) const;

  const logger& log_;
  problem_writer on_problem_;
  access_policy access_;
  token_gate* gate_ = nullptr;
  route_guard guard_;
  limit_gate limits_;
  const compression_options compression_;
  std::vector<provider> providers_;
  explanation explain_ = nullptr;
  lane_runner* runners_[lane_count] = {};
  route_tree tree_;
  route_list* routes_ = nullptr;
  std::unique_ptr<tallies> counted_{};
};

}  // namespace aft::http
