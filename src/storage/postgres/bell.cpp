#include "bell.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include <aft/storage/errors.hpp>

namespace aft::storage::postgres {

bell::bell() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) throw storage_error(storage_fault::other, "no eventfd can be made");
}

bell::~bell() { ::close(descriptor_); }

void bell::ring() noexcept {
  while (::eventfd_write(descriptor_, 1) < 0 && errno == EINTR) {}
}

void bell::silence() noexcept {
  eventfd_t rung;
  while (::eventfd_read(descriptor_, &rung) < 0 && errno == EINTR) {}
}

}  // namespace aft::storage::postgres
