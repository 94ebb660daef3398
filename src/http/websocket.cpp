#include <aft/http/websocket.hpp>

#include <algorithm>
#include <utility>

#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>

#include "../ground/utf8.hpp"
#include "call.hpp"
#include "letters.hpp"
#include "websocket.hpp"

namespace aft {
namespace {

constexpr std::size_t cost_of_a_message = 64;  // beside its bytes
constexpr std::size_t max_close_reason = 123;
constexpr std::uint16_t try_again_later = 1013;

http::shared_message make_message(std::string_view bytes, message_kind kind) {
  if (kind == message_kind::text && !detail::is_utf8(bytes)) {
    throw error("a text message that is not UTF-8; binary ones may hold any bytes");
  }
  return std::make_shared<const http::peer_message>(http::peer_message{std::string(bytes), kind});
}

bool may_be_sent(std::uint16_t code) {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}

}  // namespace

// ---- peers

peer::peer(http::peer_core* core) : core_(core) {}
peer::peer(const peer& other) : core_(other.core_) { core_->hold(); }
peer& peer::operator=(const peer& other) {
  other.core_->hold();
  std::exchange(core_, other.core_)->let_go();
  return *this;
}
peer::~peer() { core_->let_go(); }

void peer::send(std::string_view text) const {
  core_->send(make_message(text, message_kind::text));
}
void peer::send_binary(std::string_view bytes) const {
  core_->send(make_message(bytes, message_kind::binary));
}
void peer::close(std::uint16_t code, std::string_view reason) const {
  if (!may_be_sent(code)) {
    throw error("the close code " + std::to_string(code) + " is none that may be sent");
  }
  if (reason.size() > max_close_reason || !detail::is_utf8(reason)) {
    throw error("the reason of a close is UTF-8 of up to 123 bytes");
  }
  core_->close(code, reason);
}
void peer::subscribe(topic& t) const { core_->subscribe(*t.core_); }
void peer::unsubscribe(topic& t) const { core_->unsubscribe(*t.core_); }
std::string_view peer::subprotocol() const { return core_->subprotocol; }

namespace http {

void peer_core::tell_locked() {
  if (std::exchange(told_, true)) return;
  loop_->has_work(handle_of(*this));
}

void peer_core::send(shared_message message) {
  std::lock_guard lock(mutex_);
  if (over_ || close_.code) return;
  const auto cost = message->bytes.size() + cost_of_a_message;
  if (unsent_ && unsent_ + cost > max_unsent_) {
    for (auto i = first_; i < waiting_.size(); ++i) {
      unsent_ -= waiting_[i]->bytes.size() + cost_of_a_message;
    }
    waiting_.clear();
    first_ = 0;
    return close_locked(try_again_later, "too slow");
  }
  unsent_ += cost;
  waiting_.push_back(std::move(message));
  tell_locked();
}

void peer_core::close(std::uint16_t code, std::string_view reason) {
  std::lock_guard lock(mutex_);
  if (!over_ && !close_.code) close_locked(code, reason);
}

void peer_core::close_locked(std::uint16_t code, std::string_view reason) {
  close_ = {code, std::string(reason)};
  wanted_close_.store(true, std::memory_order_relaxed);
  tell_locked();
}

shared_message peer_core::next() {
  std::lock_guard lock(mutex_);
  if (first_ == waiting_.size()) return nullptr;
  auto message = std::move(waiting_[first_++]);
  if (first_ == waiting_.size()) {
    waiting_.clear();
    first_ = 0;
    if (waiting_.capacity() > 16) waiting_.shrink_to_fit();
  } else if (first_ >= 1024 && first_ * 2 >= waiting_.size()) {
    waiting_.erase(waiting_.begin(), waiting_.begin() + std::ptrdiff_t(first_));
    first_ = 0;
  }
  return message;
}

std::size_t peer_core::sent(const peer_message& message) {
  std::lock_guard lock(mutex_);
  return unsent_ -= message.bytes.size() + cost_of_a_message;
}

void peer_core::subscribe(topic_core& t) {
  std::lock_guard of_topic(t.mutex_);
  std::lock_guard lock(mutex_);
  if (over_ || t.ended_) return;
  if (t.subscribers_.insert(this).second) topics_.push_back(t.shared_from_this());
}

void peer_core::unsubscribe(topic_core& t) {
  std::shared_ptr<topic_core> last;  // let go without a lock
  std::lock_guard of_topic(t.mutex_);
  std::lock_guard lock(mutex_);
  if (!t.subscribers_.erase(this)) return;
  const auto at = std::find_if(topics_.begin(), topics_.end(),
                               [&t](const auto& held) { return held.get() == &t; });
  if (at == topics_.end()) return;
  last = std::move(*at);
  topics_.erase(at);
}

void peer_core::end() {
  std::vector<shared_message> unsent;
  std::vector<std::shared_ptr<topic_core>> topics;
  {
    std::lock_guard lock(mutex_);
    over_ = true;
    connection_ = nullptr;
    unsent.swap(waiting_);
    first_ = 0;
    topics.swap(topics_);
  }
  for (const auto& t : topics) {
    std::lock_guard lock(t->mutex_);
    t->subscribers_.erase(this);
  }
}

void topic_core::publish(const shared_message& message) {
  std::lock_guard lock(mutex_);
  for (auto* s : subscribers_) s->send(message);
}

std::size_t topic_core::subscribers() const {
  std::lock_guard lock(mutex_);
  return subscribers_.size();
}

void topic_core::end() {
  std::lock_guard lock(mutex_);
  ended_ = true;
  subscribers_.clear();
}

}  // namespace http

// ---- topics

topic::topic() {
  auto core = std::make_shared<http::topic_core>();
  core_ = core.get();
  core_->of_topic = std::move(core);
}
topic::~topic() {
  core_->end();
  const auto last = std::move(core_->of_topic);
}
void topic::publish(std::string_view text) {
  core_->publish(make_message(text, message_kind::text));
}
void topic::publish_binary(std::string_view bytes) {
  core_->publish(make_message(bytes, message_kind::binary));
}
std::size_t topic::subscribers() const { return core_->subscribers(); }

// ---- the handshake

namespace {

template <class F>
void each_in_list(std::string_view list, const F& f) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    f(http::without_blanks(list.substr(0, comma)));
    list = comma == list.npos ? std::string_view() : list.substr(comma + 1);
  }
}

// All lines of that name as one list (RFC 9110 section 5.3).
std::string whole_list(const request& r, std::string_view name) {
  std::string list;
  for (const auto& line : r.headers()) {
    if (!equal_ignoring_case(line.name, name)) continue;
    if (!list.empty()) list += ", ";
    list += line.value;
  }
  return list;
}

std::string choose_subprotocol(const request& r, const std::vector<std::string>& offered) {
  std::string chosen;
  each_in_list(whole_list(r, "Sec-WebSocket-Protocol"), [&](std::string_view wanted) {
    const bool known = std::find(offered.begin(), offered.end(), wanted) != offered.end();
    if (known && chosen.empty()) chosen = wanted;
  });
  return chosen;
}

bool asks_for_websocket(const http::call& c) {
  if (!c.head.upgrades || c.head.minor_version == 0) return false;
  bool found = false;
  each_in_list(whole_list(c.incoming, "Upgrade"), [&](std::string_view protocol) {
    found = found || equal_ignoring_case(protocol, "websocket");
  });
  return found;
}

void want_upgrade(http::call& c, const char* detail) {
  c.answer.headers.append("Upgrade: websocket\r\nConnection: Upgrade\r\n");
  c.fail(426, detail);
}

}  // namespace

websocket::websocket(websocket_options options) : options_(std::move(options)) {
  for (const auto& name : options_.subprotocols) {
    if (!http::is_token(name)) throw error("\"" + name + "\" is no name of a subprotocol");
  }
}

// RFC 6455 section 4.2.
void websocket::answer(http::call& c) && {
  const auto& r = c.incoming;
  if (!asks_for_websocket(c)) return want_upgrade(c, "this path speaks WebSocket alone");
  if (r.method() != method::get) return c.fail(400, "a WebSocket begins with GET");
  const auto version = whole_list(r, "Sec-WebSocket-Version");
  if (version.empty()) return c.fail(400, "no Sec-WebSocket-Version");
  if (version != "13") {
    http::add_header(c.answer, "Sec-WebSocket-Version", "13");
    return want_upgrade(c, "this server speaks version 13 of WebSocket");
  }
  auto key = whole_list(r, "Sec-WebSocket-Key");
  std::string nonce;
  if (!from_base64(key, nonce) || nonce.size() != 16) {
    return c.fail(400, "a Sec-WebSocket-Key that is not 16 bytes in base64");
  }
  auto subprotocol = choose_subprotocol(r, options_.subprotocols);
  c.answer.status = 101;
  c.answer.upgrade = std::make_unique<http::websocket_start>(
      http::websocket_start{std::move(options_), std::move(key),
                            whole_list(r, "Sec-WebSocket-Extensions"), std::move(subprotocol)});
}

}  // namespace aft
