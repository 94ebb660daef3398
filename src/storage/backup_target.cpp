#include "backup_target.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "backup_set.hpp"

namespace aft::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view stream_head = "aft backup stream 1\n";
constexpr std::size_t longest_frame = 1u << 20;
constexpr std::size_t longest_part_name = 100;

[[noreturn]] void fail_unpacking(std::string_view what) {
  throw storage_error(storage_fault::corrupt, fmt::format("the stream of a backup {}", what));
}

// "database.zst", "files/12.zst.sealed": what a backup calls its parts, and nothing else.
bool is_part_name(std::string_view name) {
  if (name.starts_with("files/")) name.remove_prefix(6);
  return !name.empty() && name[0] != '.' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.';
  });
}

class frame_reader {
 public:
  explicit frame_reader(const backup_source& source) : source_(source) {
    if (take(stream_head.size()) != stream_head) fail_unpacking("does not begin as one");
  }

  // Until the next call.
  std::string_view next() {
    const auto head = take(4);
    std::size_t size = 0;
    for (int i = 4; i-- > 0;) size = size << 8 | static_cast<unsigned char>(head[std::size_t(i)]);
    if (size > longest_frame) fail_unpacking("makes no sense");
    return take(size);
  }

 private:
  std::string_view take(std::size_t size) {
    bytes_.resize(size);
    for (std::size_t have = 0; have < size;) {
      const auto n = source_(bytes_.data() + have, size - have);
      if (n == 0) fail_unpacking("was cut off");
      have += n;
    }
    return bytes_;
  }

  const backup_source& source_;
  std::string bytes_;
};

}  // namespace

// ---- a directory

directory_target::directory_target(const std::string& directory)
    : directory_(directory), place_(directory + partial_prefix) {}

backup_writer directory_target::begin_part(const std::string& name, const stream_coding& coding) {
  if (name.starts_with("files/")) fs::create_directory(place_.path() + "/files");
  return backup_writer(place_.path() + "/" + name, coding);
}

void directory_target::drop_part(const std::string& name) {
  fs::remove(place_.path() + "/" + name);
}

void directory_target::write_manifest(const std::string& text, const std::string& sum) {
  if (fs::exists(place_.path() + "/files")) sync_directory(place_.path() + "/files");
  replace_file(place_.path() + "/" + manifest_sum_file, sum);
  replace_file(place_.path() + "/" + manifest_file, text);
}

void directory_target::rename(const std::string& path) {
  rename_new(place_.path(), path);
  place_.keep();
  sync_directory(directory_);
}

// ---- a stream

stream_target::stream_target(const backup_sink& sink)
    : sink_(sink), framed_([this](std::string_view bytes) {
        for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), longest_frame))) {
          frame(bytes.substr(0, longest_frame));
        }
      }) {
  sink_(stream_head);
}

void stream_target::frame(std::string_view bytes) {
  char size[4];
  for (int i = 0; i < 4; ++i) size[i] = char(bytes.size() >> (8 * i));
  sink_({size, sizeof size});
  if (!bytes.empty()) sink_(bytes);
}

backup_writer stream_target::begin_part(const std::string& name, const stream_coding& coding) {
  frame(name);
  return backup_writer(framed_, name, coding);
}

void stream_target::whole_part(const std::string& name, const std::string& text) {
  frame(name);
  framed_(text);
  frame({});
}

void stream_target::write_manifest(const std::string& text, const std::string& sum) {
  whole_part(manifest_sum_file, sum);
  whole_part(manifest_file, text);
  frame({});
}

// ---- the way back

void unpack_backup(const backup_source& source, const std::string& directory) {
  frame_reader frames(source);
  fs::create_directories(directory);
  for (;;) {
    const std::string name(frames.next());
    if (name.empty()) break;
    if (name.size() > longest_part_name || !is_part_name(name)) fail_unpacking("makes no sense");
    if (name.starts_with("files/")) fs::create_directories(directory + "/files");
    auto out = durable_file::create(directory + "/" + name);
    for (auto part = frames.next(); !part.empty(); part = frames.next()) {
      out.write(part);
      out.start_writing_back();
    }
    out.sync();
  }
  if (fs::exists(directory + "/files")) sync_directory(directory + "/files");
  sync_directory(directory);
}

std::string unpacked_path(const std::string& path, const std::string& place) {
  if (!fs::is_regular_file(path)) return path;
  auto file = durable_file::open(path);
  const auto directory = place + "/backup";
  unpack_backup([&file](char* to, std::size_t size) { return file.read(to, size); }, directory);
  return directory;
}

}  // namespace aft::storage
