#pragma once
// Where a backup is written to: a directory, or a stream of bytes.

#include <string>
#include <string_view>

#include <aft/storage/backup.hpp>

#include "backup_stream.hpp"
#include "durable_file.hpp"

namespace aft::storage {

class backup_target {
 public:
  backup_target() = default;
  backup_target(const backup_target&) = delete;
  backup_target& operator=(const backup_target&) = delete;
  virtual ~backup_target() = default;

  // One part at a time; to be finished, by both, before the next is begun.
  virtual backup_writer begin_part(const std::string& name, const stream_coding& coding) = 0;
  virtual void end_part() {}
  virtual void drop_part(const std::string& name) = 0;  // it shall not be in the manifest
  virtual void write_manifest(const std::string& text, const std::string& sum) = 0;
};

// A directory that gets its name when all of it is on the disk.
class directory_target final : public backup_target {
 public:
  explicit directory_target(const std::string& directory);
  backup_writer begin_part(const std::string& name, const stream_coding& coding) override;
  void drop_part(const std::string& name) override;
  void write_manifest(const std::string& text, const std::string& sum) override;
  void rename(const std::string& path);  // all is written

 private:
  std::string directory_;
  scratch_directory place_;
};

// A line that says what it is; then for each part its name and its bytes in frames, and an empty
// frame; the manifest's parts last; then an empty name. A frame is its size in four bytes, the
// lowest first, and so many bytes.
class stream_target final : public backup_target {
 public:
  explicit stream_target(const backup_sink& sink);
  backup_writer begin_part(const std::string& name, const stream_coding& coding) override;
  void end_part() override { frame({}); }
  void drop_part(const std::string&) override {}
  void write_manifest(const std::string& text, const std::string& sum) override;

 private:
  void frame(std::string_view bytes);
  void whole_part(const std::string& name, const std::string& text);
  const backup_sink& sink_;
  backup_sink framed_;
};

// Writes the parts of such a stream into a new directory. Throws storage_error, corrupt, where it
// is none or was cut off; what is in the parts is not looked at.
void unpack_backup(const backup_source& source, const std::string& directory);

// The path itself, or where a backup in one file was unpacked to: into `place`.
std::string unpacked_path(const std::string& path, const std::string& place);

}  // namespace aft::storage
