#pragma once
// Where a local app says how it can be reached: a directory of one user, with a lock and a file.

#include <optional>
#include <string>
#include <string_view>

#include <aft/local.hpp>

#include "../server/socket.hpp"

namespace aft {

// One thread at a time.
class discovery {
 public:
  // Opens the directory, which it makes where it is missing. Throws configuration_error.
  discovery(std::string_view name, std::string_view directory);

  // For as long as this lives; false: another one has it. What a run that broke off left behind is
  // removed.
  bool lock();

  void write(const local_server& server);
  void remove() noexcept;

  // A page for this user's browser, in place of the one before; its path.
  std::string write_page(std::string_view html);
  void remove_page() noexcept;

  // What the one that holds the lock has written.
  std::optional<local_server> read() const;
  static std::optional<local_server> find(std::string_view name, std::string_view directory);

 private:
  void replace(const char* name, const char* new_name, std::string_view text);

  server::descriptor directory_, lock_{};
  std::string path_;
};

}  // namespace aft
