#include <aft/client/http_client.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <thread>

#include <aft/ground/error.hpp>
#include <aft/ground/random.hpp>
#include <aft/ground/span.hpp>
#include <aft/http/message.hpp>

#include "../ground/deadline.hpp"
#include "../ground/may_wait.hpp"
#include "../http/http_date.hpp"
#include "../http/letters.hpp"
#include "bulkhead.hpp"
#include "call_time.hpp"
#include "circuit_breaker.hpp"
#include "exchange.hpp"
#include "idle_handles.hpp"

namespace aft {
namespace {

using http_outcome = result<http_response, http_failure>;

void refuse_to_call_on_a_loop() {
  if (!detail::must_not_wait) return;
  throw error(std::string("another server is waited for ") + detail::must_not_wait +
              "; make the handler aft::blocking, or do it in a job without a transaction&");
}

void check_lines(const http_request& r) {
  if (!http::is_token(r.method)) throw error("\"" + r.method + "\" is no method");
  for (const auto& [name, value] : r.headers) {
    const bool is_ours = equal_ignoring_case(name, "Content-Length") ||
                         equal_ignoring_case(name, "Transfer-Encoding") ||
                         equal_ignoring_case(name, "Connection");
    if (!http::is_token(name) || is_ours) {
      throw error("\"" + name + "\" is no header for a request to set");
    }
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte < 0x20 && c != '\t') || byte == 0x7f) {
        throw error("the value of the header " + name + " has a control character");
      }
    }
  }
}

// So that the other server's steps belong to the trace of the request or job that asks it.
void tell_trace(http_request& r) {
  const auto* context = current_context();
  if (!context || context->trace.trace_id.empty()) return;
  for (const auto& [name, value] : r.headers) {
    if (equal_ignoring_case(name, "traceparent")) return;
  }
  r.headers.emplace_back("traceparent", write_traceparent(context->trace));
}

void note_outcome(span& step, const http_request& r, const http_outcome& o) {
  step.note("http.request.method", r.method);
  if (const auto to = client::read_target(r.url, false)) {
    step.note("server.address", to->host);
    std::int64_t port = 0;
    std::from_chars(to->port.data(), to->port.data() + to->port.size(), port);
    step.note("server.port", port);
  }
  const auto attempts = o ? o->attempts : o.reason().attempts;
  if (attempts > 1) step.note("http.request.resend_count", attempts - 1);
  if (o) step.note("http.response.status_code", o->status);
  else step.note("error.type", to_string(o.reason().why));
  if (!o) step.fail(to_string(o.reason().why));
  else if (o->status >= 400) step.fail("status " + std::to_string(o->status));
}

// Whether the same may be well in a moment.
bool may_pass(const http_outcome& o) {
  if (o) {
    const auto s = o->status;
    return s == 408 || s == 429 || s == 500 || s == 502 || s == 503 || s == 504;
  }
  using reason = http_failure::reason;
  const auto why = o.reason().why;
  return why == reason::unknown_host || why == reason::cannot_connect || why == reason::timed_out ||
         why == reason::broken;
}

bool is_answered(const http_outcome& o) { return o && o->status < 500; }

}  // namespace

class http_client::impl {
 public:
  explicit impl(http_client_options&& given)
      : options(std::move(given)), addresses(options.addresses, options.also_allowed),
        time(options.time ? *options.time : system_clock), breaker(options.breaker),
        rooms(options.max_concurrent, options.max_concurrent_per_host),
        idle(options.max_idle_connections) {
    client::start_curl();
    if (!addresses.all() && (!options.proxy.empty() || options.proxy_from_environment)) {
      throw configuration_error(
          "behind a proxy the addresses of servers cannot be checked; use one of .proxy and "
          ".addresses");
    }
    if (!options.max_concurrent || !options.max_concurrent_per_host || options.retries < 0 ||
        options.timeout <= duration() || options.attempt_timeout <= duration() ||
        options.connect_timeout <= duration()) {
      throw configuration_error("a client's time-outs and numbers of calls are more than 0");
    }
  }

  http_outcome call(const http_request& request) {
    const auto to = client::read_target(request.url, options.https_only);
    if (!to) return http_failure{http_failure::reason::bad_url, "the URL cannot be asked"};
    const client::call_time left(request.timeout > duration() ? request.timeout : options.timeout);
    switch (rooms.enter(to->server, left.end(), request.cancelled)) {
      case client::bulkhead::outcome::late:
        return http_failure{http_failure::reason::busy, "too many calls were waiting"};
      case client::bulkhead::outcome::cancelled:
        return http_failure{http_failure::reason::cancelled, "the call was cancelled"};
      case client::bulkhead::outcome::entered: break;
    }
    struct leaving {
      client::bulkhead& rooms;
      const std::string& server;
      ~leaving() { rooms.leave(server); }
    } leaves{rooms, to->server};
    return try_often(request, *to, left);
  }

  http_client_options options;
  const client::allowed_addresses addresses;
  const clock system_clock{};
  const clock& time;
  client::circuit_breaker breaker;
  client::bulkhead rooms;
  client::idle_handles idle;

 private:
  http_outcome try_often(const http_request& request, const client::target& to,
                         const client::call_time& left) {
    const int retries = request.retries.value_or(options.retries);
    const bool idempotent = client::is_idempotent(request);
    http_outcome last =
        http_failure{http_failure::reason::circuit_open, to.host + " has failed too often lately"};
    for (int attempt = 1;; ++attempt) {
      if (!breaker.admits(to.server, time.now())) return last;
      bool again = idempotent;
      last = try_once(request, to, left, idempotent, again);
      (last ? last->attempts : last.reason().attempts) = attempt;
      if (attempt > retries || !again || !may_pass(last)) return last;
      const auto wait = delay_before_next(last, attempt);
      if (wait >= left.left()) return last;
      if (!pause(wait, request.cancelled)) {
        return http_failure{http_failure::reason::cancelled, "the call was cancelled", attempt};
      }
    }
  }

  // Sets `again` to whether it may be tried again, as far as the other side may have seen it.
  http_outcome try_once(const http_request& request, const client::target& to,
                        const client::call_time& left, bool idempotent, bool& again) {
    const auto limit = std::min(options.attempt_timeout, left.left());
    if (limit <= duration()) {
      breaker.gave_up(to.server);
      return http_failure{http_failure::reason::timed_out, "there was no time left"};
    }
    struct abandoning {
      client::circuit_breaker* of;
      const std::string& server;
      ~abandoning() {
        if (of) of->gave_up(server);
      }
    } abandons{&breaker, to.server};
    auto handle = idle.take(to.server);
    client::exchange one(*handle, options, addresses, request, to);
    auto outcome = one.run(limit, !idempotent);
    idle.give_back(to.server, std::move(handle));
    again = (again || !one.was_sent()) && !one.was_received();
    const bool was_refused =
        !outcome && (outcome.reason().why == http_failure::reason::cancelled ||
                     outcome.reason().why == http_failure::reason::refused_address ||
                     outcome.reason().why == http_failure::reason::too_large);
    if (was_refused) return outcome;
    abandons.of = nullptr;
    breaker.answered(to.server, is_answered(outcome), time.now());
    return outcome;
  }

  duration delay_before_next(const http_outcome& last, int attempt) const {
    const auto whole = options.backoff * (std::int64_t(1) << std::min(attempt - 1, 20));
    const auto half = std::uint64_t(std::max<std::int64_t>(whole.in_microseconds() / 2, 0));
    const auto wait = whole - microseconds(std::int64_t(random_number(half + 1)));
    if (!last) return wait;
    return std::max(wait, last->retry_after(time.now()).value_or(duration()));
  }

  // False where it was cancelled meanwhile.
  bool pause(duration wait, const function<bool()>& cancelled) const {
    if (options.pause) {
      options.pause(wait);
      return !cancelled || !cancelled();
    }
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(wait);
    while (true) {
      if (cancelled && cancelled()) return false;
      const auto now = std::chrono::steady_clock::now();
      if (now >= until) return true;
      const auto slice = now + std::chrono::milliseconds(50);
      std::this_thread::sleep_until(cancelled ? std::min(slice, until) : until);
    }
  }
};

http_client::http_client(http_client_options options) : impl_(new impl(std::move(options))) {}
http_client::~http_client() { delete impl_; }

http_outcome http_client::send(http_request request) const {
  refuse_to_call_on_a_loop();
  span step(request.method, span_kind::client);
  if (impl_->options.prepare) impl_->options.prepare(request);
  check_lines(request);
  if (impl_->options.traceparent) tell_trace(request);
  auto outcome = impl_->call(request);
  if (step) note_outcome(step, request, outcome);
  return outcome;
}

bool http_client::may_ask(const std::string& url) const {
  return client::read_target(url, impl_->options.https_only).has_value();
}

http_outcome http_client::get(std::string url, http_request rest) const {
  rest.method = "GET";
  rest.url = std::move(url);
  return send(std::move(rest));
}

http_outcome http_client::del(std::string url, http_request rest) const {
  rest.method = "DELETE";
  rest.url = std::move(url);
  return send(std::move(rest));
}

http_outcome http_client::send_json(const char* method, std::string&& url, std::string&& body,
                                    http_request&& rest) const {
  rest.method = method;
  rest.url = std::move(url);
  rest.body = std::move(body);
  const bool has_type = std::any_of(rest.headers.begin(), rest.headers.end(), [](const auto& h) {
    return equal_ignoring_case(h.first, "Content-Type");
  });
  if (!has_type) rest.headers.emplace_back("Content-Type", "application/json");
  return send(std::move(rest));
}

std::optional<std::string_view> http_response::header(std::string_view name) const {
  for (const auto& [given, value] : headers) {
    if (equal_ignoring_case(given, name)) return value;
  }
  return {};
}

std::optional<duration> http_response::retry_after(time_point now) const {
  constexpr auto most = days(365);
  const auto text = header("Retry-After");
  if (!text || text->empty()) return {};
  if (std::all_of(text->begin(), text->end(), [](char c) { return c >= '0' && c <= '9'; })) {
    std::int64_t count = 0;
    const auto read = std::from_chars(text->data(), text->data() + text->size(), count);
    if (read.ec != std::errc() || count > most.in_seconds()) return most;
    return seconds(count);
  }
  const auto today = now.since_1970().in_seconds();
  const auto date = http::read_http_date(*text, today);
  if (!date) return {};
  return std::clamp(seconds(*date) - now.since_1970(), duration(), most);
}

std::string_view to_string(http_failure::reason why) {
  using reason = http_failure::reason;
  switch (why) {
    case reason::bad_url: return "bad_url";
    case reason::refused_address: return "refused_address";
    case reason::unknown_host: return "unknown_host";
    case reason::cannot_connect: return "cannot_connect";
    case reason::tls: return "tls";
    case reason::timed_out: return "timed_out";
    case reason::broken: return "broken";
    case reason::too_large: return "too_large";
    case reason::too_many_redirects: return "too_many_redirects";
    case reason::cancelled: return "cancelled";
    case reason::circuit_open: return "circuit_open";
    case reason::busy: return "busy";
  }
  return "";
}

}  // namespace aft
