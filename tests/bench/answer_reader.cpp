#include "answer_reader.hpp"

#include <charconv>

namespace bench {
namespace {

bool same_letters(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] | 0x20) != (lower_case[i] | 0x20)) return false;
  }
  return true;
}

bool read_number(std::string_view text, std::size_t& number) {
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  return read.ec == std::errc() && read.ptr == end;
}

}  // namespace

answer_reader::answer answer_reader::read(std::string_view bytes) {
  if (head_.empty() || !bytes.starts_with(head_)) {
    const auto end = bytes.find("\r\n\r\n");
    if (end == bytes.npos) return {};
    head_.clear();
    const auto head = bytes.substr(0, end + 4);
    if (!read_head(head)) return {.is = verdict::malformed};
    head_ = head;
  }
  const auto size = head_.size() + body_size_;
  return {bytes.size() < size ? verdict::partial : verdict::whole, size, status_, closes_};
}

bool answer_reader::read_head(std::string_view head) {
  std::size_t status = 0;
  const bool begins_well = head.starts_with("HTTP/1.") && head.size() > 13 && head[8] == ' ' &&
                           read_number(head.substr(9, 3), status);
  if (!begins_well || status < 200) return false;  // interim answers are not asked for
  status_ = int(status);
  closes_ = head[7] == '0';
  body_size_ = 0;
  bool has_size = status == 204 || status == 304;
  std::size_t at = head.find("\r\n") + 2;
  while (at + 2 < head.size()) {
    const auto line = head.substr(at, head.find("\r\n", at) - at);
    at += line.size() + 2;
    const auto colon = line.find(':');
    if (colon == line.npos) return false;
    const auto name = line.substr(0, colon);
    auto value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    if (same_letters(name, "content-length")) {
      if (!read_number(value, body_size_)) return false;
      has_size = true;
    } else if (same_letters(name, "transfer-encoding")) {
      return false;  // no route of these programs needs it
    } else if (same_letters(name, "connection")) {
      closes_ = same_letters(value, "close");
    }
  }
  return has_size;
}

}  // namespace bench
