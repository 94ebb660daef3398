#include "backup_stream.hpp"

#include <sodium.h>
#include <zstd.h>

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include <aft/ground/encoding.hpp>
#include <aft/storage/errors.hpp>

namespace aft::storage {
namespace {

constexpr std::size_t sealed_chunk = 64 * 1024;  // of plain text; the last one is shorter
constexpr std::size_t sealed_extra = crypto_secretstream_xchacha20poly1305_ABYTES;
constexpr int zstd_level = 3;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

[[noreturn]] void fail_stream(const std::string& path, const char* what) {
  throw storage_error(storage_fault::corrupt, fmt::format("{} {}", path, what));
}

}  // namespace

// Not without a name: the states below, which a header declares, hold them.
namespace backup_parts {

class running_hash {
 public:
  running_hash() { crypto_hash_sha256_init(&state_); }
  void add(std::string_view bytes) {
    crypto_hash_sha256_update(&state_, bytes_of(bytes), bytes.size());
  }
  std::string hex() {
    std::string digest(crypto_hash_sha256_BYTES, '\0');
    crypto_hash_sha256_final(&state_, bytes_of(digest));
    return to_hex(digest);
  }

 private:
  crypto_hash_sha256_state state_;
};

struct free_zstd {
  void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
  void operator()(ZSTD_DCtx* c) const { ZSTD_freeDCtx(c); }
};

}  // namespace backup_parts

// ---- writing

struct backup_writer::state {
  std::string path;
  stream_coding coding;
  durable_file file;  // none, where there is a sink
  const function<void(std::string_view)>* sink = nullptr;
  backup_parts::running_hash hash{};
  written_stream written{};
  std::unique_ptr<ZSTD_CCtx, backup_parts::free_zstd> zstd{};
  std::string packed{};
  crypto_secretstream_xchacha20poly1305_state sealing{};
  std::string plain{}, sealed{};

  void store(std::string_view bytes) {
    hash.add(bytes);
    written.stored_size += std::int64_t(bytes.size());
    if (sink) (*sink)(bytes);
    else file.write(bytes);
  }

  void begin_sealing() {
    std::string header(crypto_secretstream_xchacha20poly1305_HEADERBYTES, '\0');
    crypto_secretstream_xchacha20poly1305_init_push(&sealing, bytes_of(header),
                                                    bytes_of(std::string_view(coding.key)));
    store(header);
  }

  void seal_chunk(std::string_view chunk, unsigned char tag) {
    sealed.resize(chunk.size() + sealed_extra);
    crypto_secretstream_xchacha20poly1305_push(
        &sealing, bytes_of(sealed), nullptr, bytes_of(chunk), chunk.size(),
        bytes_of(std::string_view(coding.name)), coding.name.size(), tag);
    store(sealed);
  }

  void seal(std::string_view bytes) {
    if (coding.key.empty()) return store(bytes);
    while (!bytes.empty()) {
      const auto part = bytes.substr(0, sealed_chunk - plain.size());
      plain += part;
      bytes.remove_prefix(part.size());
      if (plain.size() < sealed_chunk) continue;
      seal_chunk(plain, crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
      plain.clear();
    }
  }

  void pack(std::string_view bytes, ZSTD_EndDirective how) {
    if (!zstd) return seal(bytes);
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    for (;;) {
      ZSTD_outBuffer out{packed.data(), packed.size(), 0};
      const auto left = ZSTD_compressStream2(zstd.get(), &out, &in, how);
      if (ZSTD_isError(left)) {
        throw storage_error(storage_fault::other,
                            fmt::format("cannot compress {}: {}", path, ZSTD_getErrorName(left)));
      }
      seal({packed.data(), out.pos});
      if (how == ZSTD_e_end ? left == 0 : in.pos == in.size) return;
    }
  }
};

backup_writer::backup_writer(const std::string& path, const stream_coding& coding)
    : state_(new state{.path = path, .coding = coding, .file = durable_file::create(path)}) {
  begin();
}

backup_writer::backup_writer(const function<void(std::string_view)>& sink, const std::string& name,
                             const stream_coding& coding)
    : state_(new state{.path = name, .coding = coding, .file = {}, .sink = &sink}) {
  begin();
}

void backup_writer::begin() {
  auto& s = *state_;
  if (!s.coding.key.empty()) s.begin_sealing();
  if (!s.coding.compress) return;
  s.zstd.reset(ZSTD_createCCtx());
  if (!s.zstd) throw storage_error(storage_fault::other, "no memory to compress a backup");
  ZSTD_CCtx_setParameter(s.zstd.get(), ZSTD_c_compressionLevel, zstd_level);
  ZSTD_CCtx_setParameter(s.zstd.get(), ZSTD_c_checksumFlag, 1);
  s.packed.resize(ZSTD_CStreamOutSize());
}

backup_writer::backup_writer(backup_writer&&) noexcept = default;
backup_writer::~backup_writer() = default;

void backup_writer::write(std::string_view bytes) {
  state_->written.size += std::int64_t(bytes.size());
  if (!bytes.empty()) state_->pack(bytes, ZSTD_e_continue);
}

void backup_writer::start_writing_back() {
  if (!state_->sink) state_->file.start_writing_back();
}

written_stream backup_writer::finish() {
  auto& s = *state_;
  if (s.zstd) s.pack({}, ZSTD_e_end);
  if (!s.coding.key.empty()) {
    s.seal_chunk(s.plain, crypto_secretstream_xchacha20poly1305_TAG_FINAL);
  }
  if (!s.sink) s.file.sync();
  s.written.sha256 = s.hash.hex();
  return s.written;
}

// ---- reading

struct backup_reader::state {
  std::string path;
  stream_coding coding;
  written_stream known;
  durable_file file;
  backup_parts::running_hash hash{};
  std::int64_t stored = 0, given = 0;
  crypto_secretstream_xchacha20poly1305_state opening{};
  bool opened_all = false;
  std::string stored_part{}, plain{}, unpacked{};
  std::unique_ptr<ZSTD_DCtx, backup_parts::free_zstd> zstd{};
  std::string_view rest{};    // of the last part, to be unpacked
  bool unpacked_all = false;  // the end of zstd's frame was seen
  bool more_inside = false;   // zstd may hold what there was no room for

  std::string_view load(std::size_t most) {
    stored_part.resize(most);
    stored_part.resize(file.read(stored_part.data(), most));
    hash.add(stored_part);
    stored += std::int64_t(stored_part.size());
    return stored_part;
  }

  void begin_opening() {
    const auto header = load(crypto_secretstream_xchacha20poly1305_HEADERBYTES);
    if (header.size() != crypto_secretstream_xchacha20poly1305_HEADERBYTES ||
        crypto_secretstream_xchacha20poly1305_init_pull(
            &opening, bytes_of(header), bytes_of(std::string_view(coding.key))) != 0) {
      fail_stream(path, "is no encrypted stream");
    }
  }

  // The stored bytes, decrypted; empty at the end.
  std::string_view open_part() {
    if (coding.key.empty()) return load(sealed_chunk);
    const auto part = load(sealed_chunk + sealed_extra);
    if (part.empty() && opened_all) return {};
    if (opened_all) fail_stream(path, "goes on after its end");
    if (part.size() < sealed_extra) fail_stream(path, "was cut off");
    plain.resize(part.size() - sealed_extra);
    unsigned char tag = 0;
    if (crypto_secretstream_xchacha20poly1305_pull(
            &opening, bytes_of(plain), nullptr, &tag, bytes_of(part), part.size(),
            bytes_of(std::string_view(coding.name)), coding.name.size()) != 0) {
      fail_stream(path, "was changed, or the key is another");
    }
    opened_all = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
    // An empty last chunk is no end yet: what follows is looked at first.
    return plain.empty() ? open_part() : std::string_view(plain);
  }

  std::string_view unpack() {
    if (!zstd) return open_part();
    for (;;) {
      if (rest.empty() && !more_inside) {
        rest = open_part();
        if (rest.empty() && !unpacked_all) fail_stream(path, "was cut off");
        if (rest.empty()) return {};
      }
      if (unpacked_all) fail_stream(path, "goes on after its end");
      ZSTD_inBuffer in{rest.data(), rest.size(), 0};
      ZSTD_outBuffer out{unpacked.data(), unpacked.size(), 0};
      const auto left = ZSTD_decompressStream(zstd.get(), &out, &in);
      if (ZSTD_isError(left)) fail_stream(path, "does not decompress");
      unpacked_all = left == 0;
      more_inside = left != 0 && out.pos == out.size;
      rest.remove_prefix(in.pos);
      if (out.pos) return {unpacked.data(), out.pos};
    }
  }
};

backup_reader::backup_reader(const std::string& path, const stream_coding& coding,
                             const written_stream& known)
    : state_(new state{
          .path = path, .coding = coding, .known = known, .file = durable_file::open(path)}) {
  auto& s = *state_;
  if (!coding.key.empty()) s.begin_opening();
  if (!coding.compress) return;
  s.zstd.reset(ZSTD_createDCtx());
  if (!s.zstd) throw storage_error(storage_fault::other, "no memory to decompress a backup");
  s.unpacked.resize(ZSTD_DStreamOutSize());
}

backup_reader::~backup_reader() = default;

std::string_view backup_reader::read() {
  auto& s = *state_;
  const auto part = s.unpack();
  s.given += std::int64_t(part.size());
  if (s.given > s.known.size || s.stored > s.known.stored_size) {
    fail_stream(s.path, "is longer than the manifest says");
  }
  if (!part.empty()) return part;
  if (s.stored != s.known.stored_size || s.given != s.known.size) {
    fail_stream(s.path, "is shorter than the manifest says");
  }
  if (s.hash.hex() != s.known.sha256) fail_stream(s.path, "is not what the manifest says");
  return {};
}

}  // namespace aft::storage
