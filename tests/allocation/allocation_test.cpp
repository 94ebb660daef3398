// Counts what the server allocates for a request, once it is warm: nothing.

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <aft/app.hpp>

#include "../server/client.hpp"

// glibc's own functions, behind those that everybody calls.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
}

namespace {
std::atomic<bool> counting{false};
std::atomic<long> allocations{0};
void count() {
  if (counting) ++allocations;
}
}  // namespace

extern "C" {
void* malloc(std::size_t size) {
  count();
  return __libc_malloc(size);
}
void* calloc(std::size_t items, std::size_t size) {
  count();
  return __libc_calloc(items, size);
}
void* realloc(void* old, std::size_t size) {
  count();
  return __libc_realloc(old, size);
}
}

namespace {

// Sends the request again and again over one connection, without an allocation of its own.
long allocations_for(std::uint16_t port, const std::string& request, std::size_t answer_size) {
  client c(port);
  std::string all;
  for (int i = 0; i < 8; ++i) all += request;
  char answers[4096];
  auto round = [&](std::string_view bytes, std::size_t wanted) {
    if (!c.send(bytes)) std::abort();
    for (std::size_t got = 0; got < wanted;) {
      const auto n = ::recv(c.fd(), answers, sizeof answers, 0);
      if (n <= 0) std::abort();
      got += std::size_t(n);
    }
  };
  for (int i = 0; i < 200; ++i) round(request, answer_size), round(all, 8 * answer_size);
  allocations = 0;
  counting = true;
  for (int i = 0; i < 1000; ++i) round(request, answer_size), round(all, 8 * answer_size);
  counting = false;
  return allocations;
}

}  // namespace

int main() {
  aft::app app({.database = ":memory:"});
  app.get("/plaintext", [] { return "Hello, World!"; });
  app.get("/users/{id}", [](std::int64_t id) { return std::to_string(id); });
  app.get("/json", [] {
    struct message {
      int number;
      bool yes;
    };
    return message{5, true};
  });
  const auto port = app.start({.port = 0, .threads = 1}).port;

  int failures = 0;
  for (const std::string path : {"/plaintext", "/users/12345", "/json"}) {
    const auto request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";
    client c(port);
    c.send(request);
    const auto size = c.response().size();
    const auto count = allocations_for(port, request, size);
    std::printf("%s: %ld allocations for 9,000 requests\n", path.c_str(), count);
    failures += count != 0;
  }
  return failures;
}
