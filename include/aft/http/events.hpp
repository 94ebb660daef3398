#pragma once
// Server-sent events: what happens, told to whoever listens, as it happens.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <aft/ground/json.hpp>
#include <aft/ground/time.hpp>
#include <aft/http/handler.hpp>

namespace aft {

struct event_feed_options {
  std::size_t kept_events = 1000;        // for those who come back
  std::size_t kept_bytes = 1024 * 1024;  // of their data
  duration heartbeat = seconds(15);      // between two signs of life where nothing happens
  duration retry = seconds(2);           // after which a browser that lost us comes back
};

// A log of the last events, which any number of clients follow. A client that comes back says which
// event it saw last (Last-Event-ID), and gets what it missed; where the feed no longer reaches back
// so far, or was made anew, it first gets an event of the type "resync", to fetch everything again.
// A slow client costs no memory: it reads from the log, and misses what is gone. Any thread.
class event_feed {
 public:
  explicit event_feed(event_feed_options options = {});
  event_feed(const event_feed&) = delete;
  event_feed& operator=(const event_feed&) = delete;
  ~event_feed();  // those who still listen are told that it is over

  // Returns at once. `type` is what a browser listens for, "message" where it is empty; a line
  // break in it throws aft::error.
  void publish(std::string_view data, std::string_view type = {});

  template <class T>
  requires(std::is_class_v<T>&& std::is_aggregate_v<T>) void publish(const T& value,
                                                                     std::string_view type = {}) {
    publish(json::write(value), type);
  }

  std::size_t listeners() const;

 private:
  friend class event_stream;
  class log;
  log* log_;  // lives as long as this and all streams that follow it
};

// What a handler returns to let its client follow a feed.
//   app.get("/events", [](my_feed& feed) { return aft::event_stream(feed.events); });
class event_stream {
 public:
  explicit event_stream(event_feed& feed);
  event_stream(event_stream&& other) noexcept : log_(other.log_) { other.log_ = nullptr; }
  event_stream& operator=(event_stream&&) = delete;
  ~event_stream();

  static constexpr http::result_info answer_info{http::content::custom, nullptr, 200, false, false,
                                                 "text/event-stream"};
  void answer(http::call& c) &&;

 private:
  event_feed::log* log_;
};

}  // namespace aft
