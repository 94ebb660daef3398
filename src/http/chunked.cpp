#include "chunked.hpp"

#include <algorithm>

#include "../ground/hex.hpp"
#include "letters.hpp"

namespace aft::http {
namespace {

constexpr std::uint32_t max_overhead = 16 * 1024;

bool is_field_text(char c) { return static_cast<unsigned char>(c) >= 32 ? c != 127 : c == '\t'; }

}  // namespace

chunked_reader::status chunked_reader::read(const char* data, std::size_t size, buffer& body,
                                            std::size_t& used) {
  const char *p = data, *end = data + size;
  auto stop = [&](status s) {
    used = std::size_t(p - data);
    return s;
  };
  while (p < end) {
    switch (at_) {
      case place::size: {
        const int digit = detail::hex_digit(*p);
        if (digit >= 0) {
          if (++digits_ > 15) return stop(status::refused);
          left_ = left_ << 4 | std::uint64_t(digit);
        } else if (digits_ == 0) {
          return stop(status::refused);
        } else if (*p == ';') {
          at_ = place::extension_name;
        } else if (*p == '\r') {
          at_ = place::size_lf;
        } else {
          return stop(status::refused);
        }
        ++p;
        break;
      }
      case place::extension_name:
        if (!token_letters[static_cast<unsigned char>(*p++)]) return stop(status::refused);
        at_ = place::extension;
        break;
      case place::extension:
        if (*p == '\r') at_ = place::size_lf;
        else if (!is_field_text(*p) || ++overhead_ > max_overhead) return stop(status::refused);
        ++p;
        break;
      case place::size_lf:
        if (*p++ != '\n') return stop(status::refused);
        at_ = left_ ? place::data : place::trailer;
        if (left_ > max_body_ - taken_) return stop(status::too_large);
        break;
      case place::data: {
        const auto part = std::min<std::uint64_t>(left_, std::uint64_t(end - p));
        body.append({p, std::size_t(part)});
        taken_ += std::size_t(part);
        p += part;
        left_ -= part;
        if (!left_) at_ = place::data_cr;
        break;
      }
      case place::data_cr:
        if (*p++ != '\r') return stop(status::refused);
        at_ = place::data_lf;
        break;
      case place::data_lf:
        if (*p++ != '\n') return stop(status::refused);
        digits_ = 0;
        at_ = place::size;
        break;
      case place::trailer:
        if (*p == '\r') {
          at_ = place::last_lf;
          ++p;
        } else if (token_letters[static_cast<unsigned char>(*p)]) {
          at_ = place::trailer_name;
        } else {
          return stop(status::refused);
        }
        break;
      case place::trailer_name:
        if (*p == ':') at_ = place::trailer_line;
        else if (!token_letters[static_cast<unsigned char>(*p)] || ++overhead_ > max_overhead)
          return stop(status::refused);
        ++p;
        break;
      case place::trailer_line:
        if (*p == '\r') at_ = place::trailer_lf;
        else if (!is_field_text(*p) || ++overhead_ > max_overhead) return stop(status::refused);
        ++p;
        break;
      case place::trailer_lf:
        if (*p++ != '\n') return stop(status::refused);
        at_ = place::trailer;
        break;
      case place::last_lf:
        if (*p++ != '\n') return stop(status::refused);
        return stop(status::done);
    }
  }
  return stop(status::more);
}

}  // namespace aft::http
