#pragma once
// An answer that is made while it is sent, for what is too large to hold or not known yet.

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <aft/ground/buffer.hpp>
#include <aft/ground/json.hpp>
#include <aft/http/handler.hpp>

namespace aft {

struct stream_options {
  int status = 200;
  std::string content_type = "application/octet-stream";  // empty: none is sent
  std::vector<std::pair<std::string, std::string>> headers{};
  // Bytes, where they are known: the client can then show how much is left. To give more or fewer
  // breaks the answer off.
  std::optional<std::uint64_t> size{};
};

// Returned by a handler. `next` appends the next part, best of some ten KiB, to the buffer, and
// says whether there may be more; it is asked again when the client has taken most of what came
// before, so memory stays flat however slow the client is. It may change its own state. It is
// called on an event loop, after the handler has returned, and must not wait; what it captures
// lives until the answer ends or the client is gone. If it throws, the answer breaks off.
class stream {
 public:
  template <class F>
  requires(std::is_invocable_r_v<bool, std::decay_t<F>&, buffer&>) explicit stream(
      F&& next, stream_options options = {})
      : options_(std::move(options)), object_(new std::decay_t<F>(static_cast<F&&>(next))),
        next_([](void* object, buffer& out) -> bool {
          return (*static_cast<std::decay_t<F>*>(object))(out);
        }),
        destroy_([](void* object) { delete static_cast<std::decay_t<F>*>(object); }) {}
  stream(stream&& other) noexcept
      : options_(std::move(other.options_)), object_(std::exchange(other.object_, nullptr)),
        next_(other.next_), destroy_(other.destroy_) {}
  stream& operator=(stream&&) = delete;
  ~stream() {
    if (object_) destroy_(object_);
  }

  bool next(buffer& out) { return next_(object_, out); }
  const stream_options& options() const { return options_; }

  // How a handler's result is answered.
  static constexpr http::result_info answer_info{http::content::custom, nullptr, 200, false};
  void answer(http::call& c) &&;

 private:
  stream_options options_;
  void* object_;
  bool (*next_)(void*, buffer&);
  void (*destroy_)(void*);
};

// A stream of JSON values, one a line (https://github.com/ndjson/ndjson-spec).
class line_stream : public stream {
 public:
  template <class F>
  explicit line_stream(F&& next)
      : stream(static_cast<F&&>(next), {.content_type = "application/x-ndjson"}) {}
  static constexpr http::result_info answer_info{http::content::custom, nullptr, 200, false, false,
                                                 "application/x-ndjson"};
};

// Values as such a stream, written as the client takes them.
template <class T>
line_stream json_lines(std::vector<T> values) {
  constexpr std::size_t part = 32 * 1024;
  return line_stream([all = std::move(values), at = std::size_t(0)](buffer& out) mutable {
    for (; at < all.size() && out.size() < part; ++at) {
      json::write(out, &all[at], type_of<T>());
      out.append('\n');
    }
    return at < all.size();
  });
}

}  // namespace aft
