#pragma once
// The content codings (RFC 9110 section 8.4.1), a piece at a time in either direction.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <aft/ground/buffer.hpp>
#include <aft/http/compression.hpp>

namespace aft::http {

enum class coding : std::uint8_t { zstd, brotli, gzip, identity };

// By number; the best first.
inline constexpr std::array<std::string_view, 4> coding_names = {"zstd", "br", "gzip", "identity"};

// One thread at a time. If it throws, it is of no more use.
class compressor {
 public:
  enum class flushing {
    none,
    part,  // all that was written can be read now
    end,
  };

  compressor() = default;
  compressor(const compressor&) = delete;
  compressor& operator=(const compressor&) = delete;
  virtual ~compressor() = default;

  // Before the first write() of each content; `size` where it is known, which then must hold.
  virtual void begin(std::optional<std::uint64_t> size) = 0;
  virtual void write(std::string_view bytes, buffer& out, flushing how) = 0;
};

// One thread at a time.
class decompressor {
 public:
  enum class status {
    hungry,     // all the bytes are taken
    full,       // there may be more: come again
    malformed,  // it stays so
  };

  decompressor() = default;
  decompressor(const decompressor&) = delete;
  decompressor& operator=(const decompressor&) = delete;
  virtual ~decompressor() = default;

  // Takes bytes from the front; appends at most `most`, not 0. What follows the content is
  // malformed, but gzip members and zstd frames may follow each other.
  [[nodiscard]] virtual status read(std::string_view& bytes, buffer& out, std::size_t most) = 0;

  // Whether the content may end here.
  virtual bool ended() const = 0;
};

// Null for identity.
std::unique_ptr<compressor> make_compressor(coding c, const compression_options& options);
std::unique_ptr<decompressor> make_decompressor(coding c);

}  // namespace aft::http
