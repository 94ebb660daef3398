#include "content.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <vector>

#include <fmt/format.h>

#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/random.hpp>

#include "conditional.hpp"
#include "http_date.hpp"
#include "range.hpp"

namespace aft::http {
namespace {

constexpr std::uint64_t small_file = 32 * 1024;  // is read at once, and needs no second send
constexpr std::size_t read_at_once = 64 * 1024;

void read_file(int fd, std::uint64_t offset, std::uint64_t size, buffer& out) {
  char* to = out.reserve(std::size_t(size));
  while (size) {
    const auto n = ::pread(fd, to, std::size_t(size), off_t(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw error("a file became shorter while it was sent");
    to += n;
    offset += std::uint64_t(n);
    size -= std::uint64_t(n);
  }
  out.stop_at(to);
}

// One range of a file, which the kernel can send.
class file_source final : public body_source {
 public:
  file_source(open_file&& f, byte_range r) : file_(std::move(f)) {
    part_ = {file_.fd(), std::int64_t(r.first), r.size()};
  }
  step next(buffer& out) override {
    const auto size = std::min<std::uint64_t>(part_.left, read_at_once);  // 0: the kernel sent all
    read_file(part_.fd, std::uint64_t(part_.offset), size, out);
    part_.offset += std::int64_t(size);
    part_.left -= size;
    return part_.left ? step::more : step::end;
  }
  file_part* file() override { return part_.left ? &part_ : nullptr; }

 private:
  open_file file_;
  file_part part_;
};

// Several ranges, each a part of multipart/byteranges.
class ranges_source final : public body_source {
 public:
  struct piece {
    std::string head;
    byte_range range;
  };
  ranges_source(stored_content&& content, std::vector<piece>&& pieces, std::string end)
      : content_(std::move(content)), pieces_(std::move(pieces)), end_(std::move(end)) {}

  step next(buffer& out) override {
    if (at_ == pieces_.size()) {
      out.append(end_);
      return step::end;
    }
    const auto& p = pieces_[at_];
    if (!sent_) out.append(p.head);
    const auto size = std::min<std::uint64_t>(p.range.size() - sent_, read_at_once);
    const auto first = p.range.first + sent_;
    if (content_.file) read_file(content_.file.fd(), first, size, out);
    else out.append(content_.bytes.substr(std::size_t(first), std::size_t(size)));
    sent_ += size;
    if (sent_ == p.range.size()) ++at_, sent_ = 0;
    return step::more;
  }

 private:
  stored_content content_;
  std::vector<piece> pieces_;
  std::string end_;
  std::size_t at_ = 0;
  std::uint64_t sent_ = 0;
};

std::uint64_t size_of(const stored_content& content) {
  return content.file ? content.file.size() : content.bytes.size();
}

// The values of all lines of a name.
std::optional<std::string_view> joined_lines(const request& r, std::string_view name,
                                             std::string& storage) {
  std::optional<std::string_view> first;
  for (const auto& line : r.headers()) {
    if (!equal_ignoring_case(line.name, name)) continue;
    if (!first) {
      first = line.value;
    } else {
      if (storage.empty()) storage = *first;
      storage.append(", ").append(line.value);
    }
  }
  return storage.empty() ? first : std::optional<std::string_view>(storage);
}

condition_outcome check(const call& c, const stored_content& content) {
  const auto& r = c.incoming;
  std::string match, none_match;
  request_conditions conditions{
      .if_match = joined_lines(r, "If-Match", match),
      .if_none_match = joined_lines(r, "If-None-Match", none_match),
      .if_modified_since = r.header("If-Modified-Since"),
      .if_unmodified_since = r.header("If-Unmodified-Since"),
      .if_range = r.header("If-Range"),
      .now = std::int64_t(std::time(nullptr)),
  };
  return check_conditions(c.head.method, {true, content.etag, content.changed_at}, conditions);
}

void add_validators(call& c, const stored_content& content) {
  auto& answer = c.answer;
  if (!content.etag.empty()) add_header(answer, "ETag", content.etag);
  if (content.changed_at) {
    char date[http_date_size];
    write_http_date(date, *content.changed_at);
    add_header(answer, "Last-Modified", {date, http_date_size});
  }
  if (!content.cache_control.empty()) add_header(answer, "Cache-Control", content.cache_control);
  if (content.varies) add_header(answer, "Vary", "Accept-Encoding");
}

void reply_range(call& c, stored_content&& content, byte_range r) {
  if (!content.file) {
    c.answer.body.append(content.bytes.substr(std::size_t(r.first), std::size_t(r.size())));
  } else if (r.size() <= small_file) {
    read_file(content.file.fd(), r.first, r.size(), c.answer.body);
  } else {
    c.answer.source_size = r.size();
    c.answer.source = std::make_unique<file_source>(std::move(content.file), r);
  }
}

void reply_ranges(call& c, stored_content&& content, const range_set& ranges) {
  const auto boundary = to_hex(random_bytes(12));
  const auto size = size_of(content);
  std::vector<ranges_source::piece> pieces;
  std::uint64_t whole = 0;
  for (const auto& r : ranges.view()) {
    auto head =
        fmt::format("{}--{}\r\nContent-Type: {}\r\nContent-Range: bytes {}-{}/{}\r\n\r\n",
                    pieces.empty() ? "" : "\r\n", boundary, content.type, r.first, r.last, size);
    whole += head.size() + r.size();
    pieces.push_back({std::move(head), r});
  }
  auto end = fmt::format("\r\n--{}--\r\n", boundary);
  whole += end.size();
  add_header(c.answer, "Content-Type", "multipart/byteranges; boundary=" + boundary);
  c.answer.source_size = whole;
  c.answer.source =
      std::make_unique<ranges_source>(std::move(content), std::move(pieces), std::move(end));
}

}  // namespace

void reply_content(call& c, stored_content&& content) {
  auto& answer = c.answer;
  const auto outcome = check(c, content);
  if (outcome.verdict == condition_verdict::precondition_failed) {
    return c.fail(412, "it is not what you think it is");
  }
  add_validators(c, content);
  if (outcome.verdict == condition_verdict::not_modified) {
    answer.status = 304;
    return;
  }
  const auto size = size_of(content);
  answer.status = 200;
  add_header(answer, "Content-Type", content.type);
  if (!content.encoding.empty()) add_header(answer, "Content-Encoding", content.encoding);
  add_header(answer, "Accept-Ranges", "bytes");
  if (outcome.range_applies) {
    const auto ranges = read_range(c.incoming.header("Range").value_or(""), size);
    switch (ranges.verdict) {
      case range_verdict::no_range: break;
      case range_verdict::unsatisfiable:
        answer.headers.clear();  // they were about the content
        add_header(answer, "Content-Range", fmt::format("bytes */{}", size));
        return c.fail(416, "none of these bytes are there");
      case range_verdict::ranges:
        answer.status = 206;
        if (ranges.count > 1) return reply_ranges(c, std::move(content), ranges);
        const auto r = ranges.at[0];
        add_header(answer, "Content-Range", fmt::format("bytes {}-{}/{}", r.first, r.last, size));
        return reply_range(c, std::move(content), r);
    }
  }
  if (size) reply_range(c, std::move(content), {0, size - 1});
}

}  // namespace aft::http
