#include "temporary.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include <aft/storage/errors.hpp>

namespace aft::storage {

temporary_directory::temporary_directory() {
  std::error_code ignored;
  const bool in_memory = ::access("/dev/shm", W_OK | X_OK) == 0;
  const auto base =
      in_memory ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path(ignored);
  path_ = (base / "aft-XXXXXX").string();
  if (!::mkdtemp(path_.data())) {
    throw storage_error(storage_fault::io,
                        "no temporary directory can be made in " + base.string());
  }
}

temporary_directory::~temporary_directory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace aft::storage
