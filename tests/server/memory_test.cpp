// Memory stays flat, however much passes through and however slow the other side is.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/http/stream.hpp>

#include "../sanitized.hpp"
#include "client.hpp"

namespace {

constexpr std::size_t megabyte = 1'000'000;
constexpr std::size_t gigabyte = 1000 * megabyte;
constexpr std::size_t flat = (is_sanitized ? 500 : 40) * megabyte;

std::size_t resident_bytes() {
  std::ifstream about("/proc/self/statm");
  std::size_t all = 0, resident = 0;
  about >> all >> resident;
  return resident * std::size_t(::sysconf(_SC_PAGESIZE));
}

// The most that was seen of it beyond the beginning.
struct growth {
  const std::size_t before = resident_bytes();
  std::atomic<std::size_t> most{before};
  void look() { most = std::max(most.load(), resident_bytes()); }
  std::size_t bytes() {
    look();
    return most - before;
  }
};

// A handler that takes its time.
struct slow_sink {
  std::size_t bytes = 0, paused_at = 0;
  void write(std::string_view part) {
    bytes += part.size();
    if (bytes - paused_at < 4 * megabyte) return;
    paused_at = bytes;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
};

void read_slowly(client& c, growth& memory, std::size_t bytes) {
  std::vector<char> part(megabyte);
  std::size_t paused_at = 0;
  for (std::size_t left = bytes; left;) {
    const auto got = ::recv(c.fd(), part.data(), std::min(left, part.size()), 0);
    REQUIRE(got > 0);
    left -= std::size_t(got);
    if (bytes - left - paused_at < 4 * megabyte) continue;
    paused_at = bytes - left;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (paused_at % (64 * megabyte) < 4 * megabyte) memory.look();
  }
}

}  // namespace

TEST_CASE("a gigabyte comes in to a slow handler, and goes out to a slow client, in flat memory") {
  aft::app app({.access = {.hosts = {"a"}}});
  app.post("/in", [](const aft::body_into<slow_sink>& in) { return std::to_string(in->bytes); });
  app.get("/out", [] {
    return aft::stream(
        [left = gigabyte](aft::buffer& out) mutable {
          out.append(std::string(50'000, 'o'));
          return (left -= 50'000) > 0;
        },
        {.size = gigabyte});
  });
  const auto port = app.start({.port = 0, .threads = 1, .limits = {.max_body = 2 * gigabyte}}).port;
  client c(port);
  growth memory;
  const std::string block(megabyte, 'i');
  c.send("POST /in HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(gigabyte) +
         "\r\n\r\n");
  for (std::size_t sent = 0; sent < gigabyte; sent += megabyte) {
    REQUIRE(c.send(block));
    if (sent % (64 * megabyte) == 0) memory.look();
  }
  CHECK(c.response().ends_with("\r\n\r\n1000000000"));
  CHECK(memory.bytes() < flat);
  c.send("GET /out HTTP/1.1\r\nHost: a\r\n\r\n");
  std::string head;
  while (!head.ends_with("\r\n\r\n") && head.size() < 1000) head += c.receive(1);
  read_slowly(c, memory, gigabyte);
  CHECK(memory.bytes() < flat);
}

TEST_CASE("clients that read nothing cost no more than what may be unsent") {
  aft::app app({.access = {.hosts = {"a"}}});
  app.get("/page", [] { return std::string(100'000, 'p'); });
  // However long a turn takes where all is slow, nobody is turned away.
  const auto port =
      app.start({.port = 0, .threads = 1, .max_lag = {}, .limits = {.max_unsent = 100'000}}).port;
  growth memory;
  std::vector<std::unique_ptr<client>> clients;
  std::string all;
  for (int i = 0; i < 1000; ++i) all += "GET /page HTTP/1.1\r\nHost: a\r\n\r\n";
  for (int i = 0; i < 50; ++i) {  // 5 GB of answers, if they were all made
    clients.push_back(std::make_unique<client>(port));
    clients.back()->send(all);
  }
  client other(port);
  other.send("GET /page HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(other.response().ends_with("ppp"));
  CHECK(memory.bytes() < flat);
}
