#pragma once
// The bytes of one file of a backup: compressed, then encrypted, then hashed; and the way back. In
// constant memory.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <aft/ground/function.hpp>

#include "durable_file.hpp"

namespace aft::storage {

struct stream_coding {
  bool compress = false;
  std::string key{};   // 32 bytes; empty: not encrypted
  std::string name{};  // of the stream, which is bound to it: another's is no substitute
};

struct written_stream {
  std::int64_t size = 0;
  std::int64_t stored_size = 0;
  std::string sha256;  // hexadecimal
};

class backup_writer {
 public:
  backup_writer(const std::string& path, const stream_coding& coding);
  // Gives the bytes to a sink, which outlives it; the name is for errors.
  backup_writer(const function<void(std::string_view)>& sink, const std::string& name,
                const stream_coding& coding);
  backup_writer(backup_writer&&) noexcept;
  ~backup_writer();
  void write(std::string_view bytes);
  void start_writing_back();
  written_stream finish();  // on the disk, or with the sink

 private:
  struct state;
  void begin();
  std::unique_ptr<state> state_;
};

// Throws storage_error, corrupt, as soon as something is not as it was written, at the latest at
// the end: what was read before is not to be used then.
class backup_reader {
 public:
  backup_reader(const std::string& path, const stream_coding& coding, const written_stream& known);
  ~backup_reader();
  std::string_view read();  // until the next call; empty at the sound end

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace aft::storage
