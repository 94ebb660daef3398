// A program that can be watched: metrics, health and a log of what happens.
//
// Run it, and look at http://127.0.0.1:8080/metrics and /healthz/ready; the log is on standard
// error, a line of JSON for each answer, with the id and the trace of its request.

#include <aft/aft.hpp>

#include <atomic>

int main() {
  std::atomic<bool> open = true;
  aft::app app({.log = aft::log_json_to_stderr(),        // nothing is printed without a sink
                .access_log = true,                      // a record of each answer
                .slow_query = aft::milliseconds(100)});  // with its route
  app.serve_metrics();                                   // /metrics, for Prometheus and OpenMetrics
  app.serve_health();                                    // /healthz/live, /healthz/ready
  app.check("shop", [&open]() -> std::optional<std::string> {
    if (!open) return "it is closed";
    return {};
  });
  auto& sold = app.metrics().count({"shop.books.sold", "Books sold.", "{book}"});

  app.post("/books/{title}/sales", [&sold](std::string) { sold.add(); });
  app.del("/shop", [&open] { open = false; });
  app.run({.port = 8080});
}

//   $ curl -s -X POST -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8080/books/Emma/sales
//   204
//   $ curl -s http://127.0.0.1:8080/metrics | grep ^shop
//   shop_books_sold_total 1
//   $ curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8080/healthz/ready
//   200
//   $ curl -s -X DELETE http://127.0.0.1:8080/shop
//   $ curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8080/healthz/ready
//   503
