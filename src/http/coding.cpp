#include "coding.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include <brotli/decode.h>
#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>
#include <aft/ground/error.hpp>

namespace aft::http {
namespace {

// So that an answer to a slow client holds no more than a megabyte or so.
constexpr int compressor_window_bits = 18;

constexpr std::size_t room_at_once = 16 * 1024;

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

[[noreturn]] void fail_to_compress(const char* library) {
  throw error(std::string("an answer could not be compressed: ") + library + " failed");
}

// ---- gzip, RFC 1952

constexpr int gzip_window_bits = 15 + 16;  // the largest, and gzip's head and tail
constexpr int memory_level = 8;
constexpr std::size_t most_at_once = std::size_t(1) << 30;  // zlib counts with 32 bits

Bytef* zlib_bytes(std::string_view bytes) {  // zlib only reads them
  return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
}

class gzip_compressor final : public compressor {
 public:
  explicit gzip_compressor(int level) {
    const int made =
        deflateInit2(&z_, level, Z_DEFLATED, gzip_window_bits, memory_level, Z_DEFAULT_STRATEGY);
    if (made == Z_MEM_ERROR) throw std::bad_alloc();
    if (made != Z_OK) fail_to_compress("zlib");
  }
  ~gzip_compressor() override { deflateEnd(&z_); }

  void begin(std::optional<std::uint64_t>) override { deflateReset(&z_); }

  void write(std::string_view bytes, buffer& out, flushing how) override {
    while (bytes.size() > most_at_once) {
      write_some(bytes.substr(0, most_at_once), out, Z_NO_FLUSH);
      bytes.remove_prefix(most_at_once);
    }
    write_some(bytes, out,
               how == flushing::end    ? Z_FINISH
               : how == flushing::part ? Z_SYNC_FLUSH
                                       : Z_NO_FLUSH);
  }

 private:
  void write_some(std::string_view bytes, buffer& out, int flush) {
    z_.next_in = zlib_bytes(bytes);
    z_.avail_in = uInt(bytes.size());
    do {
      z_.next_out = reinterpret_cast<Bytef*>(out.reserve(room_at_once));
      z_.avail_out = room_at_once;
      if (deflate(&z_, flush) == Z_STREAM_ERROR) fail_to_compress("zlib");
      out.stop_at(reinterpret_cast<char*>(z_.next_out));
    } while (z_.avail_out == 0);
  }

  z_stream z_{};
};

class gzip_decompressor final : public decompressor {
 public:
  gzip_decompressor() {
    if (inflateInit2(&z_, gzip_window_bits) != Z_OK) throw std::bad_alloc();
  }
  ~gzip_decompressor() override { inflateEnd(&z_); }

  status read(std::string_view& bytes, buffer& out, std::size_t most) override {
    most = std::min(most, most_at_once);
    z_.next_out = reinterpret_cast<Bytef*>(out.reserve(most));
    z_.avail_out = uInt(most);
    const auto s = read_members(bytes);
    out.stop_at(reinterpret_cast<char*>(z_.next_out));
    return s;
  }

  bool ended() const override { return ended_; }

 private:
  status read_members(std::string_view& bytes) {
    while (true) {
      if (ended_ && bytes.empty()) return status::hungry;
      if (z_.avail_out == 0) return status::full;
      if (ended_) inflateReset(&z_);
      const auto part = bytes.substr(0, most_at_once);
      z_.next_in = zlib_bytes(part);
      z_.avail_in = uInt(part.size());
      const int result = inflate(&z_, Z_NO_FLUSH);
      bytes.remove_prefix(part.size() - z_.avail_in);
      ended_ = result == Z_STREAM_END;
      if (ended_) continue;
      if (result == Z_MEM_ERROR) throw std::bad_alloc();
      if (result != Z_OK && result != Z_BUF_ERROR) return status::malformed;
      if (z_.avail_out != 0 && bytes.empty()) return status::hungry;
    }
  }

  z_stream z_{};
  bool ended_ = false;
};

// ---- br, RFC 7932

class brotli_compressor final : public compressor {
 public:
  explicit brotli_compressor(int quality) : quality_(quality) {}

  void begin(std::optional<std::uint64_t> size) override {  // brotli cannot begin again
    state_.reset(BrotliEncoderCreateInstance(nullptr, nullptr, nullptr));
    if (!state_) throw std::bad_alloc();
    set(BROTLI_PARAM_QUALITY, std::uint32_t(quality_));
    set(BROTLI_PARAM_LGWIN, compressor_window_bits);
    if (size) set(BROTLI_PARAM_SIZE_HINT, std::uint32_t(std::min<std::uint64_t>(*size, 1u << 30)));
  }

  void write(std::string_view bytes, buffer& out, flushing how) override {
    const auto operation = how == flushing::end    ? BROTLI_OPERATION_FINISH
                           : how == flushing::part ? BROTLI_OPERATION_FLUSH
                                                   : BROTLI_OPERATION_PROCESS;
    auto* from = reinterpret_cast<const std::uint8_t*>(bytes.data());
    std::size_t left = bytes.size();
    do {
      auto* to = reinterpret_cast<std::uint8_t*>(out.reserve(room_at_once));
      std::size_t room = room_at_once;
      if (!BrotliEncoderCompressStream(state_.get(), operation, &left, &from, &room, &to,
                                       nullptr)) {
        fail_to_compress("brotli");
      }
      out.stop_at(reinterpret_cast<char*>(to));
    } while (left || BrotliEncoderHasMoreOutput(state_.get()));
  }

 private:
  void set(BrotliEncoderParameter parameter, std::uint32_t value) {
    if (!BrotliEncoderSetParameter(state_.get(), parameter, value)) fail_to_compress("brotli");
  }

  std::unique_ptr<BrotliEncoderState, freed_by<BrotliEncoderDestroyInstance>> state_{};
  int quality_;
};

class brotli_decompressor final : public decompressor {
 public:
  brotli_decompressor() {
    if (!state_) throw std::bad_alloc();
  }

  status read(std::string_view& bytes, buffer& out, std::size_t most) override {
    if (ended_) return bytes.empty() ? status::hungry : status::malformed;
    auto* from = reinterpret_cast<const std::uint8_t*>(bytes.data());
    std::size_t left = bytes.size();
    auto* to = reinterpret_cast<std::uint8_t*>(out.reserve(most));
    const auto result =
        BrotliDecoderDecompressStream(state_.get(), &left, &from, &most, &to, nullptr);
    bytes.remove_prefix(bytes.size() - left);
    out.stop_at(reinterpret_cast<char*>(to));
    ended_ = result == BROTLI_DECODER_RESULT_SUCCESS;
    switch (result) {
      case BROTLI_DECODER_RESULT_SUCCESS: return bytes.empty() ? status::hungry : status::malformed;
      case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT: return status::hungry;
      case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT: return status::full;
      case BROTLI_DECODER_RESULT_ERROR: break;
    }
    const auto code = BrotliDecoderGetErrorCode(state_.get());
    if (code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
        code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES) {
      throw std::bad_alloc();
    }
    return status::malformed;
  }

  bool ended() const override { return ended_; }

 private:
  std::unique_ptr<BrotliDecoderState, freed_by<BrotliDecoderDestroyInstance>> state_{
      BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)};
  bool ended_ = false;
};

// ---- zstd, RFC 8878

class zstd_compressor final : public compressor {
 public:
  explicit zstd_compressor(int level) {
    if (!context_) throw std::bad_alloc();
    set(ZSTD_c_compressionLevel, level);
    set(ZSTD_c_windowLog, compressor_window_bits);
  }

  void begin(std::optional<std::uint64_t> size) override {
    check(ZSTD_CCtx_reset(context_.get(), ZSTD_reset_session_only));
    if (size) check(ZSTD_CCtx_setPledgedSrcSize(context_.get(), *size));
  }

  void write(std::string_view bytes, buffer& out, flushing how) override {
    const auto directive = how == flushing::end    ? ZSTD_e_end
                           : how == flushing::part ? ZSTD_e_flush
                                                   : ZSTD_e_continue;
    ZSTD_inBuffer from{bytes.data(), bytes.size(), 0};
    std::size_t left;
    do {
      char* const begin = out.reserve(room_at_once);
      ZSTD_outBuffer to{begin, room_at_once, 0};
      left = ZSTD_compressStream2(context_.get(), &to, &from, directive);
      check(left);
      out.stop_at(begin + to.pos);
    } while (how == flushing::none ? from.pos < from.size : left != 0);
  }

 private:
  void set(ZSTD_cParameter parameter, int value) {
    check(ZSTD_CCtx_setParameter(context_.get(), parameter, value));
  }
  static void check(std::size_t result) {
    if (ZSTD_isError(result)) fail_to_compress("zstd");
  }

  std::unique_ptr<ZSTD_CCtx, freed_by<ZSTD_freeCCtx>> context_{ZSTD_createCCtx()};
};

class zstd_decompressor final : public decompressor {
 public:
  zstd_decompressor() {
    constexpr int most_window_bits = 23;  // RFC 9659
    if (!context_) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, most_window_bits);
  }

  status read(std::string_view& bytes, buffer& out, std::size_t most) override {
    if (malformed_) return status::malformed;
    char* const begin = out.reserve(most);
    ZSTD_outBuffer to{begin, most, 0};
    const auto s = read_frames(bytes, to);
    out.stop_at(begin + to.pos);
    malformed_ = s == status::malformed;
    return s;
  }

  bool ended() const override { return ended_ && magic_size_ == 0; }

 private:
  static constexpr std::size_t whole_magic = 4, longest_head = 18;

  status read_frames(std::string_view& bytes, ZSTD_outBuffer& to) {
    while (true) {
      if (ended_) {
        if (!take_magic(bytes)) return status::hungry;
        if (!begin_frame(to)) return status::malformed;
        continue;
      }
      // The library (1.5.4) decodes what it sees from the end of a frame's head on in one go where
      // it can, and takes the bytes that it is given with that end for the frame's beginning. So
      // the head comes byte by byte.
      ZSTD_inBuffer from{bytes.data(),
                         head_left_ ? std::min<std::size_t>(bytes.size(), 1) : bytes.size(), 0};
      const auto left = ZSTD_decompressStream(context_.get(), &to, &from);
      bytes.remove_prefix(from.pos);
      if (head_left_) head_left_ -= from.pos;
      if (ZSTD_isError(left)) return status::malformed;
      ended_ = left == 0;
      if (ended_) continue;
      if (to.pos == to.size) return status::full;
      if (bytes.empty()) return status::hungry;
    }
  }

  // The library may also know forms of zstd from before RFC 8878, which heed no window's limit.
  bool take_magic(std::string_view& bytes) {
    const auto part = bytes.substr(0, whole_magic - magic_size_);
    std::copy(part.begin(), part.end(), magic_ + magic_size_);
    magic_size_ += part.size();
    bytes.remove_prefix(part.size());
    return magic_size_ == whole_magic;
  }
  bool begin_frame(ZSTD_outBuffer& to) {
    constexpr std::string_view frame = "\x28\xb5\x2f\xfd", skippable_end = "\x2a\x4d\x18";
    const std::string_view magic(magic_, whole_magic);
    const bool skippable =
        (static_cast<unsigned char>(magic[0]) & 0xf0) == 0x50 && magic.substr(1) == skippable_end;
    if (magic != frame && !skippable) return false;
    magic_size_ = 0;
    ended_ = false;
    head_left_ = longest_head - whole_magic;
    ZSTD_inBuffer from{magic_, whole_magic, 0};
    return !ZSTD_isError(ZSTD_decompressStream(context_.get(), &to, &from)) &&
           from.pos == whole_magic;
  }

  std::unique_ptr<ZSTD_DCtx, freed_by<ZSTD_freeDCtx>> context_{ZSTD_createDCtx()};
  char magic_[whole_magic] = {};
  std::size_t magic_size_ = 0;
  std::size_t head_left_ = 0;  // at most
  bool ended_ = true;          // between two frames
  bool malformed_ = false;
};

}  // namespace

std::unique_ptr<compressor> make_compressor(coding c, const compression_options& options) {
  switch (c) {
    case coding::zstd: return std::make_unique<zstd_compressor>(options.zstd_level);
    case coding::brotli: return std::make_unique<brotli_compressor>(options.brotli_quality);
    case coding::gzip: return std::make_unique<gzip_compressor>(options.gzip_level);
    case coding::identity: break;
  }
  return nullptr;
}

std::unique_ptr<decompressor> make_decompressor(coding c) {
  switch (c) {
    case coding::zstd: return std::make_unique<zstd_decompressor>();
    case coding::brotli: return std::make_unique<brotli_decompressor>();
    case coding::gzip: return std::make_unique<gzip_decompressor>();
    case coding::identity: break;
  }
  return nullptr;
}

}  // namespace aft::http
