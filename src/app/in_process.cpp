#include "in_process.hpp"

#include <charconv>
#include <condition_variable>

#include <aft/ground/error.hpp>

#include "../ground/may_wait.hpp"
#include "../http/chunked.hpp"
#include "../http/parser.hpp"

namespace aft {
namespace {

// Waits for a call that went to another lane.
struct exchange final : waker {
  http::session session;
  std::mutex mutex;
  std::condition_variable done_now;
  http::call* done = nullptr;  // guarded by mutex
  bool woken = false;          // guarded by mutex

  exchange() {
    session.connection = this;
    session.client.peer = *http::ip_address::parse("127.0.0.1");
  }
  void wake() noexcept override {
    std::lock_guard lock(mutex);
    woken = true;
    done_now.notify_one();
  }
  http::call& wait() {
    std::unique_lock lock(mutex);
    done_now.wait(lock, [this] { return woken; });
    woken = false;
    return *done;
  }
};

bool names(const test_request& r, std::string_view wanted) {
  for (const auto& [name, value] : r.headers) {
    if (equal_ignoring_case(name, wanted)) return true;
  }
  return false;
}

std::string as_bytes(const test_request& r) {
  auto text = r.method + " " + r.target + " HTTP/1.1\r\n";
  if (!names(r, "Host")) text += "Host: localhost\r\n";
  for (const auto& [name, value] : r.headers)
    text.append(name).append(": ").append(value) += "\r\n";
  if (!r.body.empty() && !names(r, "Content-Length") && !names(r, "Transfer-Encoding")) {
    text += "Content-Length: " + std::to_string(r.body.size()) + "\r\n";
  }
  return text + "\r\n" + r.body;
}

std::string without_chunks(std::string_view bytes) {
  http::chunked_reader reader(bytes.size());
  buffer body;
  std::size_t used = 0;
  (void)reader.read(bytes.data(), bytes.size(), body, used);
  return std::string(body.view());
}

// Of our own writing, so that this need not be strict.
test_response as_response(std::string_view bytes) {
  test_response r;
  while (bytes.starts_with("HTTP/1.1 100")) bytes.remove_prefix(bytes.find("\r\n\r\n") + 4);
  const auto end = bytes.find("\r\n\r\n");
  if (end == bytes.npos) throw error("the request was not whole, so there is no answer");
  std::from_chars(bytes.data() + 9, bytes.data() + 12, r.status);
  auto head = bytes.substr(0, end);
  r.body = bytes.substr(end + 4);
  while (true) {
    const auto line_end = head.find("\r\n");
    if (line_end == head.npos) break;
    head.remove_prefix(line_end + 2);
    const auto line = head.substr(0, head.find("\r\n"));
    const auto colon = line.find(": ");
    r.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
  if (r.header("Transfer-Encoding")) r.body = without_chunks(r.body);
  return r;
}

}  // namespace

std::optional<std::string_view> test_response::header(std::string_view name) const {
  for (const auto& [n, value] : headers) {
    if (equal_ignoring_case(n, name)) return value;
  }
  return {};
}

std::unique_ptr<http::session_host> in_process_client::take_host() {
  std::lock_guard lock(mutex_);
  if (hosts_.empty()) {
    auto host = std::make_unique<http::session_host>(routes_, limits_);
    host->coroutines = coroutines_;
    host->on_done = [](http::call& c) -> waker* {
      auto& waiting = *static_cast<exchange*>(static_cast<http::session*>(c.session)->connection);
      std::lock_guard done_lock(waiting.mutex);
      waiting.done = &c;
      return &waiting;
    };
    return host;
  }
  auto host = std::move(hosts_.back());
  hosts_.pop_back();
  return host;
}

test_response in_process_client::send(const test_request& request) {
  auto host = take_host();
  host->now = detail::coarse_milliseconds();
  host->counted.look();
  exchange waiting;
  buffer out;
  auto bytes = as_bytes(request);
  const auto size = bytes.size();
  bytes.resize(size + http::parser_slack);
  std::size_t used = 0;
  while (waiting.session.waiting() || waiting.session.decoding() ||
         (used < size && !waiting.session.closing())) {
    if (waiting.session.waiting()) {
      waiting.session.finish(*host, waiting.wait(), out);
      continue;
    }
    detail::no_waiting guard("on an event loop");
    const auto taken = waiting.session.receive(*host, bytes.data() + used, size - used, out);
    used += taken;
    if (!taken && !waiting.session.waiting() && !waiting.session.decoding()) break;
  }
  while (waiting.session.sending() && !waiting.session.starved()) {
    buffer part;
    waiting.session.send_more(*host, part);
    if (waiting.session.broken()) throw error("the answer broke off; the log says why");
    out.append(part.view());
  }
  waiting.session.receive_end(*host, out);
  waiting.session.abandon(*host);
  host->counted.flush();
  auto response = as_response(out.view());
  std::lock_guard lock(mutex_);
  hosts_.push_back(std::move(host));
  return response;
}

}  // namespace aft
