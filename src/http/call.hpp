#pragma once
// One request in flight, from its head to its answer.

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aft/ground/buffer.hpp>
#include <aft/ground/problem.hpp>
#include <aft/ground/resource.hpp>
#include <aft/http/handler.hpp>
#include <aft/http/message.hpp>

#include "../ground/coarse_clock.hpp"
#include "../ground/waker.hpp"
#include "body_source.hpp"
#include "call_context.hpp"
#include "coding.hpp"
#include "coroutine.hpp"
#include "head.hpp"
#include "limiter.hpp"
#include "path.hpp"
#include "route_tree.hpp"
#include "websocket.hpp"

namespace aft::http {

class dispatcher;
struct route_entry;

// The types that are written most; told by their addresses.
inline constexpr std::string_view json_type = "application/json";
inline constexpr std::string_view text_type = "text/plain; charset=utf-8";

// What the handler answered, before it is written as HTTP.
struct reply {
  int status = 0;                   // 0: nothing yet
  std::string_view content_type{};  // empty: none
  buffer headers{};                 // whole lines
  buffer body{};
  std::string long_body{};                     // instead of body, where copying would cost
  std::unique_ptr<body_source> source{};       // instead of both
  std::optional<std::uint64_t> source_size{};  // where it is known
  std::unique_ptr<websocket_start> upgrade{};  // the connection goes on as a WebSocket
  bool closes = false;                         // the connection, afterwards
  std::string content_type_storage{};

  // All of it is its status, its type and its body.
  bool is_plain() const {
    return headers.empty() && long_body.empty() && !source && !upgrade && !closes;
  }
  std::string_view content() const { return long_body.empty() ? body.view() : long_body; }
  void clear() {
    status = 0;
    content_type = {};
    headers.clear();
    body.clear();
    if (!long_body.empty()) long_body.clear();
    if (source) source.reset();
    source_size.reset();
    if (upgrade) upgrade.reset();
    closes = false;
  }
};

// Appends "Name: value\r\n"; throws aft::error for what is no header, or the server's own to send.
void add_header(reply& r, std::string_view name, std::string_view value);

class call;

constexpr std::size_t lane_count = 3;  // of aft::lane

// What one event loop owns for the handlers it runs (its database reader, say). One thread at a
// time.
class lane_context {
 public:
  static constexpr unsigned max_locals = 8;

  lane_context() = default;
  lane_context(const lane_context&) = delete;
  lane_context& operator=(const lane_context&) = delete;
  ~lane_context() {
    for (auto& l : locals_) {
      if (l.object) l.destroy(l.object);
    }
  }
  void* local(unsigned index) const { return locals_[index].object; }
  void set_local(unsigned index, void* object, void (*destroy)(void*)) {
    locals_[index] = {object, destroy};
  }

  // Calls for another lane that are handed over together, see dispatcher::hand_over_gathered().
  bool gathers = false;
  void gather(call& c, lane to);
  call* take_gathered(lane to);  // as a list, in their order

 private:
  struct call_list {
    call* first = nullptr;
    call* last = nullptr;
  };
  call_list gathered_[lane_count];
  struct held {
    void* object = nullptr;
    void (*destroy)(void*) = nullptr;
  };
  std::array<held, max_locals> locals_;
};

// The arguments of the handler, made. Small ones need no allocation.
class argument_pack {
 public:
  argument_pack() = default;
  argument_pack(const argument_pack&) = delete;
  argument_pack& operator=(const argument_pack&) = delete;
  ~argument_pack() { discard(); }

  void* room(std::size_t size, std::size_t alignment) {
    if (size <= sizeof inline_ && alignment <= alignof(std::max_align_t)) return inline_;
    const auto extra = std::align_val_t(alignment);
    heap_ = ::operator new(size, extra);
    heap_alignment_ = extra;
    return heap_;
  }
  void* memory() { return heap_ ? heap_ : inline_; }
  void made(void (*undo)(void*)) { discard_ = undo; }
  void discard() {
    if (discard_ || heap_) discard_all();
  }

 private:
  void discard_all() {
    if (discard_) discard_(memory());
    discard_ = nullptr;
    if (heap_) ::operator delete(heap_, heap_alignment_);
    heap_ = nullptr;
  }

  alignas(std::max_align_t) std::byte inline_[512];
  void* heap_ = nullptr;
  std::align_val_t heap_alignment_{};
  void (*discard_)(void*) = nullptr;
};

class call {
 public:
  call() {
    request_access::set_source(incoming, &origin);
    request_access::set_visitor(incoming, &visitor);
  }
  call(const call&) = delete;
  call& operator=(const call&) = delete;

  // ---- the request
  request_head head;
  request incoming;
  buffer kept;  // the bytes of head and body, where they had to leave the connection's buffer
  std::size_t max_body = 0;
  coding body_coding = coding::identity;  // as it is sent

  // ---- its route
  const dispatcher* owner = nullptr;
  const route_entry* route = nullptr;
  route_tree::match match;
  // Found without values, so it holds as long as the head is the same.
  const route_entry* literal_route = nullptr;
  path_segments segments;
  buffer decoded_path, decoded_rest;
  lane_context* context = nullptr;

  // When it must be answered, of detail::coarse_milliseconds(); 0: whenever.
  std::int64_t deadline = 0;
  std::int64_t began = 0;  // when it was read, of tally::now()
  bool late() const { return deadline && detail::coarse_milliseconds() > deadline; }

  call_context origin{*this};  // made when somebody asks for it
  // Who asks, once that was found out; also what the request has begun that outlives it shares it.
  std::shared_ptr<const void> visitor{};

  // ---- its way
  argument_pack arguments;
  body_taker taker{};  // of the body, where it is taken as it comes
  bool extracted = false;
  bool body_is_whole = false;
  bool in_coroutine = false;  // on the thread of its loop alone, as is the next
  bool cancelled = false;
  bool failed = false;
  problem failure;  // when failed
  reply answer;

  std::uint32_t taken = 0;  // which providers gave something, a bit for each

  // Of a route with limits: those that have been asked, how far that has come, and the places that
  // it holds until it is answered.
  std::vector<taken_limit> limits{};
  enum class limiting : std::uint8_t { begins, first_taken, done } limit_stage = limiting::begins;
  std::shared_ptr<const void> held{};

  // Where the handler is a coroutine: its body, and the loop that it runs on.
  std::shared_ptr<coroutine> later{};
  coroutine_loop* coroutines = nullptr;

  // For the lane that runs it: what it lends to the handler (a transaction), and memory for its own
  // bookkeeping, so that a hand-over allocates nothing.
  void* lent = nullptr;
  alignas(std::max_align_t) std::byte lane_memory[128];
  call* next = nullptr;  // in a lane's list

  // Called by a lane on its own thread when the call is finished there; afterwards the call is no
  // longer the lane's. Returns who is to be woken for it, if anybody.
  waker* (*on_done)(call&) = nullptr;
  void* session = nullptr;

  // Ready for the next request; keeps what it allocated.
  void reset() {
    arguments.discard();
    route = nullptr;
    body_coding = coding::identity;
    extracted = body_is_whole = in_coroutine = cancelled = failed = false;
    taker.taker = nullptr;
    taken = 0;
    lent = nullptr;
    deadline = 0;
    if (later) later.reset();
    origin.reset();
    if (visitor) visitor.reset();
    if (limit_stage != limiting::begins) forget_limits();
    answer.clear();
  }

  void forget_limits() {
    limits.clear();
    limit_stage = limiting::begins;
    held.reset();
  }

  // The first failure decides the status; errors of the same status are collected.
  void fail(int status, std::string detail);
  void fail(int status, field_error error);
};

inline void lane_context::gather(call& c, lane to) {
  auto& list = gathered_[std::size_t(to)];
  c.next = nullptr;
  (list.last ? list.last->next : list.first) = &c;
  list.last = &c;
}

inline call* lane_context::take_gathered(lane to) {
  return std::exchange(gathered_[std::size_t(to)], {}).first;
}

}  // namespace aft::http
