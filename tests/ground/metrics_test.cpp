#include <aft/ground/metrics.hpp>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <aft/ground/error.hpp>

#include "../metrics_reader.hpp"

TEST_CASE("metrics are written in both formats, under the names that each wants") {
  aft::metrics all;
  all.count({"shop.books.sold", "Books \\ sold.\n\"All\" of them.", "{book}"},
            {{"shop.city", "Rio \"\\\n"}})
      .add(3);
  all.level({"shop.temperature", "How warm it is.", "Cel"}).set(-2.5);
  const double bounds[] = {0.1, 1};
  auto& wait = all.distribution({"shop.wait.duration", "Time in the queue.", "s"}, bounds);
  wait.observe(0.1);
  wait.observe(0.5);
  wait.observe(7, 2);
  CHECK(all.text() ==
        "# HELP shop_books_sold_total Books \\\\ sold.\\n\"All\" of them.\n"
        "# TYPE shop_books_sold_total counter\n"
        "shop_books_sold_total{shop_city=\"Rio \\\"\\\\\\n\"} 3\n"
        "# HELP shop_temperature_celsius How warm it is.\n"
        "# TYPE shop_temperature_celsius gauge\n"
        "shop_temperature_celsius -2.5\n"
        "# HELP shop_wait_duration_seconds Time in the queue.\n"
        "# TYPE shop_wait_duration_seconds histogram\n"
        "shop_wait_duration_seconds_bucket{le=\"0.1\"} 1\n"
        "shop_wait_duration_seconds_bucket{le=\"1.0\"} 2\n"
        "shop_wait_duration_seconds_bucket{le=\"+Inf\"} 4\n"
        "shop_wait_duration_seconds_sum 14.6\n"
        "shop_wait_duration_seconds_count 4\n");
  const auto open = all.text(aft::metric_format::open_metrics);
  CHECK(
      open.starts_with("# HELP shop_books_sold Books \\\\ sold.\\n\\\"All\\\" of them.\n"
                       "# TYPE shop_books_sold counter\n"
                       "shop_books_sold_total{"));
  CHECK(open.find("# UNIT shop_wait_duration_seconds seconds\n") != open.npos);
  CHECK(open.ends_with("# EOF\n"));
  CHECK(metrics_reader::read(all.text()) == metrics_reader::read(open, true));
}

TEST_CASE("one name and the same labels are one instrument; what cannot be one is refused") {
  aft::metrics all;
  auto& first = all.count({"a.b", "A.", ""}, {{"x", "1"}});
  CHECK(&first == &all.count({"a.b", "A.", ""}, {{"x", "1"}}));
  CHECK(&first != &all.count({"a.b", "A.", ""}, {{"x", "2"}}));
  CHECK_THROWS_AS(all.level({"a.b", "A.", ""}, {{"x", "1"}}), aft::configuration_error);
  CHECK_THROWS_AS(all.count({"a.b", "A.", ""}, {{"y", "1"}}), aft::configuration_error);
  CHECK_THROWS_AS(all.count({"a.b", "A.", "s"}, {{"x", "1"}}), aft::configuration_error);
  CHECK_THROWS_AS(all.count({"a b"}), aft::configuration_error);
  CHECK_THROWS_AS(all.count({""}), aft::configuration_error);
  CHECK_THROWS_AS(all.count({"ok"}, {{"a b", ""}}), aft::configuration_error);
  CHECK_THROWS_AS(all.count({"ok"}, {{"le", ""}}), aft::configuration_error);
  CHECK_THROWS_AS(all.count({"ok"}, {{"a", ""}, {"a", ""}}), aft::configuration_error);
  const double falling[] = {2, 1};
  CHECK_THROWS_AS(all.distribution({"h"}, falling), aft::configuration_error);
  CHECK_THROWS_AS(all.distribution({"h"}, {}), aft::configuration_error);
  all.distribution({"h"}, aft::http_buckets());
  CHECK_THROWS_AS(all.distribution({"h"}, aft::short_buckets()), aft::configuration_error);
}

TEST_CASE("gauges and collectors are asked when the text is written, and may fail alone") {
  aft::metrics all;
  double now = 1;
  all.level({"asked"}, {}, [&now] { return now; });
  all.level({"broken"}, {}, []() -> double { throw std::runtime_error("no"); });
  all.collect([](aft::metric_sink& to) {
    to.count({"of.many"}, {{"state", "ready"}}, 5);
    to.count({"of.many"}, {{"state", "dead"}}, 1);
    to.level({"of.many"}, {}, 1);  // of another kind: left out
    to.level({"no name"}, {}, 1);
    throw std::runtime_error("no more");
  });
  now = 2;
  const auto read = metrics_reader::read(all.text());
  CHECK(read == samples{{"asked", 2},
                        {"of_many_total{state=\"ready\"}", 5},
                        {"of_many_total{state=\"dead\"}", 1}});
}

TEST_CASE("many threads count and nothing is lost") {
  aft::metrics all;
  auto& n = all.count({"n"});
  auto& h = all.distribution({"h"}, aft::short_buckets());
  auto& g = all.level({"g"});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        n.add();
        h.observe(0.25);
        g.add(1);
      }
    });
  }
  for (int i = 0; i < 20; ++i) metrics_reader::read(all.text());
  for (auto& t : threads) t.join();
  CHECK(n.value() == 40'000);
  CHECK(g.value() == 40'000);
  const auto values = h.values();
  CHECK(values.sum == 10'000);
  CHECK(values.counts[9] == 40'000);  // up to .5
}
