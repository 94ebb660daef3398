#pragma once
// Content codings where HTTP meets them: which answers are compressed, and how the bodies of
// requests are undone.

#include <cstddef>
#include <memory>
#include <string_view>

#include <aft/ground/buffer.hpp>
#include <aft/http/compression.hpp>

#include "call.hpp"
#include "coding.hpp"

namespace aft::http {

// Throws configuration_error for a level that does not exist.
void check_compression(const compression_options& options);

// One for each event loop. One thread at a time.
class answer_compressor {
 public:
  explicit answer_compressor(const compression_options& options)
      : options_(options), least_bytes_(options.enabled ? options.least_bytes : std::size_t(-1)) {}

  // Whether compress() has anything to look at; cheap, because most answers are small.
  bool concerns(const reply& r) const {
    return r.content().size() >= least_bytes_ || r.source || r.status == 304;
  }

  // Negotiates, and compresses what the call answers: small bodies at once, others while they are
  // sent.
  void compress(call& c);

 private:
  void compress_now(reply& answer, coding chosen);
  void compress_later(reply& answer, coding chosen);

  const compression_options& options_;
  const std::size_t least_bytes_;
  std::unique_ptr<compressor> kept_[coding_names.size()];  // for bodies that are compressed at once
  buffer compressed_{};
};

// Notes in the call which coding the body of its request has; fails it (415) where we cannot undo
// that.
void read_content_encoding(call& c);

// Afterwards the handler sees the body as if it had never been coded.
void remove_content_encoding(request_head& head);

// Undoes the coding of a body, up to its limit. One thread at a time.
class body_decoder {
 public:
  enum class status { hungry, more, malformed, too_large };

  body_decoder(coding c, std::size_t max_body) : inside_(make_decompressor(c)), left_(max_body) {}

  // Takes bytes from the front, and appends some of what they mean; `more`: come again.
  [[nodiscard]] status read(std::string_view& bytes, buffer& out);

  // Whether the body may end here. It may be empty, too.
  bool whole() const { return empty_ || inside_->ended(); }

 private:
  std::unique_ptr<decompressor> inside_;
  std::size_t left_;
  bool empty_ = true;
};

}  // namespace aft::http
