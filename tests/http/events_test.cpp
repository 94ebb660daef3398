#include <aft/http/events.hpp>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/ground/error.hpp>

namespace {

struct moved {
  int x, y;
};

struct site : aft::app {
  explicit site(aft::event_feed& feed) {
    state(feed);
    get("/events", [](aft::event_feed& f) { return aft::event_stream(f); });
  }
  // What a client gets at once, without its first line.
  std::string follow(const std::string& last = "") {
    aft::test_request r{.target = "/events"};
    if (!last.empty()) r.headers.push_back({"Last-Event-ID", last});
    const auto got = handle(r);
    CHECK(got.header("Content-Type") == "text/event-stream");
    CHECK(got.body.starts_with("retry: 2000\n\n"));
    return got.body.substr(13);
  }
};

std::string last_id(const std::string& events) {
  const auto at = events.rfind("id: ") + 4;
  return events.substr(at, events.find('\n', at) - at);
}
std::string without_ids(std::string events) {
  for (std::size_t at = 0; (at = events.find("id: ", at)) != events.npos;) {
    events.erase(at, events.find('\n', at) + 1 - at);
  }
  return events;
}

}  // namespace

TEST_CASE("a client that comes back gets what it missed, once") {
  aft::event_feed feed;
  site s(feed);
  CHECK(s.follow() == "");  // nothing of what was before
  feed.publish("zero");
  const auto start = without_ids(s.follow("unknown"));
  CHECK(start == "event: resync\ndata: \n\n");
  const auto from = last_id(s.follow("unknown"));
  CHECK(s.follow(from) == "");
  feed.publish("one");
  feed.publish("two\nlines", "note");
  feed.publish(moved{1, 2}, "moved");
  const auto missed = s.follow(from);
  CHECK(without_ids(missed) ==
        "data: one\n\nevent: note\ndata: two\ndata: lines\n\nevent: moved\ndata: "
        "{\"x\":1,\"y\":2}\n\n");
  CHECK(s.follow(last_id(missed)) == "");
}

TEST_CASE("a client that was away for too long is told to fetch all") {
  aft::event_feed feed({.kept_events = 2});
  site s(feed);
  const auto from = last_id(s.follow("unknown"));
  feed.publish("1");
  feed.publish("2");
  CHECK(without_ids(s.follow(from)) == "data: 1\n\ndata: 2\n\n");
  feed.publish("3");
  CHECK(without_ids(s.follow(from)) == "event: resync\ndata: \n\n");

  aft::event_feed other;
  site t(other);
  CHECK(without_ids(t.follow(from)) == "event: resync\ndata: \n\n");
  for (const char* odd : {"-", "-1", "x-", "9999999999999999999999", "\xff"}) {
    CHECK(without_ids(s.follow(odd)) == "event: resync\ndata: \n\n");
  }
  const auto beyond = from.substr(0, from.find('-')) + "-999";
  CHECK(without_ids(s.follow(beyond)) == "event: resync\ndata: \n\n");
}

TEST_CASE("a feed keeps no more than it is allowed to") {
  aft::event_feed feed({.kept_bytes = 100});
  site s(feed);
  const auto from = last_id(s.follow("unknown"));
  feed.publish(std::string(50, 'a'));
  CHECK(without_ids(s.follow(from)).size() == 58);
  feed.publish(std::string(50, 'b'));
  CHECK(without_ids(s.follow(from)) == "event: resync\ndata: \n\n");
  feed.publish(std::string(500, 'c'));  // the last one is always kept
  CHECK(without_ids(s.follow(from)) == "event: resync\ndata: \n\n");
}

TEST_CASE("any line break is one, and none gets into a type") {
  aft::event_feed feed;
  site s(feed);
  const auto from = last_id(s.follow("unknown"));
  feed.publish("a\rb\r\nc\nid: 7\n");
  CHECK(without_ids(s.follow(from)) ==
        without_ids("data: a\ndata: b\ndata: c\ndata: id: 7\ndata: \n\n"));
  CHECK_THROWS_AS(feed.publish("x", "a\nb"), aft::error);
}

TEST_CASE("a stream outlives its feed, and ends with it") {
  std::optional<aft::event_feed> feed(std::in_place);
  aft::event_stream stream(*feed);
  CHECK(feed->listeners() == 0);
  feed.reset();
}
