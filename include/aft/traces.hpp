#pragma once
// What requests and jobs spend their time on, sent to a collector of traces.

#include <cstddef>
#include <string>

#include <aft/client/http_client.hpp>
#include <aft/ground/time.hpp>

namespace aft {

// Given to app::use. A request, its queries, the jobs that it enqueues and the calls of other
// servers (http_client) become spans of one trace, which goes on in other programs by the
// traceparent header (W3C Trace Context); aft/ground/span.hpp adds the host's own.
//
//   app.use(aft::traces{.service = "shop", .sample = 0.1});
//
// They are sent in the background as OTLP over HTTP with JSON, which Jaeger, Tempo, the
// OpenTelemetry Collector and others take. Where the collector is slow or away, nothing waits for
// it: spans beyond max_waiting are dropped. The metrics aft.traces.exported and aft.traces.dropped
// count both. The app's destructor sends what is left, for at most a `timeout`.
//
// SQL stands in spans with $1 for its values; paths as their route, never as they were sent. A
// handler that is a coroutine has spans of its queries until it first waits.
struct traces {
  std::string url = "http://127.0.0.1:4318/v1/traces";
  std::string service = "aft";  // service.name
  // Of the traces that begin here, the part that is collected, 0 to 1; what is not, costs next to
  // nothing. Whether one that began elsewhere is, its traceparent says where it comes from a proxy
  // of listen_options::trusted_proxies; strangers are not asked.
  double sample = 1;
  header_list headers{};           // of each message, such as the key of a service
  std::size_t max_waiting = 8192;  // spans
  std::size_t batch = 512;         // spans of one message
  duration every = seconds(5);     // they are sent, or when there are as many as a batch
  duration timeout = seconds(10);  // of one message with its retries
  http_client_options client{};    // TLS and the like
};

}  // namespace aft
