#include "log_scan.hpp"

#include <unistd.h>

#include <cstring>

#include <fmt/format.h>

#include <aft/storage/errors.hpp>

namespace aft::storage {
namespace {

constexpr std::size_t log_header = 32;
constexpr std::size_t frame_header = 24;
constexpr std::uint32_t log_magic = 0x377f0682;  // its lowest bit: the order of bytes of the sums

std::uint32_t big_endian(const char* at) {
  const auto* p = reinterpret_cast<const unsigned char*>(at);
  return std::uint32_t(p[0]) << 24 | std::uint32_t(p[1]) << 16 | std::uint32_t(p[2]) << 8 | p[3];
}

std::uint32_t little_endian(const char* at) {
  const auto* p = reinterpret_cast<const unsigned char*>(at);
  return std::uint32_t(p[3]) << 24 | std::uint32_t(p[2]) << 16 | std::uint32_t(p[1]) << 8 | p[0];
}

void add_sums(std::uint32_t (&sum)[2], const char* bytes, std::size_t size, bool big) {
  auto a = sum[0], b = sum[1];
  for (std::size_t i = 0; i < size; i += 8) {
    a += (big ? big_endian(bytes + i) : little_endian(bytes + i)) + b;
    b += (big ? big_endian(bytes + i + 4) : little_endian(bytes + i + 4)) + a;
  }
  sum[0] = a, sum[1] = b;
}

}  // namespace

bool log_scan::read_header() {
  if (!file_) {
    if (::access(path_.c_str(), F_OK) != 0) return false;
    file_ = durable_file::open(path_);
  }
  char header[log_header];
  if (file_.read_at(header, sizeof header, 0) != sizeof header) return false;
  if (std::string_view(header, sizeof header) == header_) return true;
  const auto magic = big_endian(header);
  const auto page = big_endian(header + 8);
  const bool big = magic & 1;
  std::uint32_t sum[2] = {0, 0};
  add_sums(sum, header, 24, big);
  if ((magic & ~1u) != log_magic || page < 512 || page > 65536 || (page & (page - 1)) ||
      sum[0] != big_endian(header + 24) || sum[1] != big_endian(header + 28)) {
    return false;  // half written
  }
  header_.assign(header, sizeof header);
  salt_[0] = big_endian(header + 16), salt_[1] = big_endian(header + 20);
  page_size_ = page;
  big_endian_sums_ = big;
  frames_ = 0;
  sum_[0] = sum[0], sum_[1] = sum[1];
  bytes_ = std::int64_t(log_header);
  return true;
}

void log_scan::advance() {
  if (!read_header()) return;
  constexpr std::size_t frames_at_once = 32;
  const auto frame_size = frame_header + page_size_;
  buffer_.resize(frames_at_once * frame_size);
  auto number = frames_;
  std::uint32_t sum[2] = {sum_[0], sum_[1]};
  for (;;) {
    const auto offset = std::int64_t(log_header) + std::int64_t(number) * std::int64_t(frame_size);
    const auto have = file_.read_at(buffer_.data(), buffer_.size(), offset) / frame_size;
    for (std::size_t i = 0; i < have; ++i) {
      const char* frame = buffer_.data() + i * frame_size;
      if (big_endian(frame + 8) != salt_[0] || big_endian(frame + 12) != salt_[1]) return;
      add_sums(sum, frame, 8, big_endian_sums_);
      add_sums(sum, frame + frame_header, page_size_, big_endian_sums_);
      if (sum[0] != big_endian(frame + 16) || sum[1] != big_endian(frame + 20)) return;
      ++number;
      if (!big_endian(frame + 4)) continue;  // the commit comes later
      frames_ = number;
      sum_[0] = sum[0], sum_[1] = sum[1];
      bytes_ = bytes_up_to(number);
    }
    if (have < frames_at_once) return;
  }
}

std::int64_t log_scan::bytes_up_to(std::uint32_t frames) const {
  return std::int64_t(log_header) + std::int64_t(frames) * std::int64_t(frame_header + page_size_);
}

std::string log_scan::last_commit() const {
  return bytes_ ? fmt::format("{:08x}{:08x}:{}", salt_[0], salt_[1], frames_) : std::string();
}

bool log_scan::still_there() {
  char header[log_header];
  return file_ && file_.read_at(header, sizeof header, 0) == sizeof header &&
         std::string_view(header, sizeof header) == header_;
}

std::size_t log_scan::read(char* to, std::size_t size, std::int64_t offset) {
  return file_.read_at(to, size, offset);
}

}  // namespace aft::storage
