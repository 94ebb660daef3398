#include "compression.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <aft/ground/error.hpp>

#include "accept.hpp"
#include "body_source.hpp"
#include "letters.hpp"
#include "media_type.hpp"
#include "route_list.hpp"

namespace aft::http {
namespace {

constexpr std::size_t most_compressed_now = 256 * 1024;  // larger bodies go piece by piece
constexpr std::size_t most_per_step = 16 * 1024;         // of content, so that others have a turn
constexpr std::size_t most_decoded_at_once = 32 * 1024;
constexpr std::size_t most_compressed_kept = 64 * 1024;  // of the memory for compressed bodies

constexpr std::string_view vary_line = "Vary: Accept-Encoding\r\n";

// ---- header lines

struct answer_line {
  std::string_view whole, name, value;
};

// From the front of the lines of an answer, which are our own.
answer_line take_line(std::string_view& lines) {
  const auto size = lines.find("\r\n");
  const auto text = lines.substr(0, size);
  const auto colon = text.find(':');
  const answer_line line{lines.substr(0, size + 2), text.substr(0, colon),
                         without_blanks(text.substr(colon + 1))};
  lines.remove_prefix(line.whole.size());
  return line;
}

bool lists(std::string_view value, std::string_view wanted) {
  while (!value.empty()) {
    const auto comma = std::min(value.find(','), value.size());
    if (equal_ignoring_case(without_blanks(value.substr(0, comma)), wanted)) return true;
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return false;
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [name](auto n) { return equal_ignoring_case(name, n); });
}

// What the lines of an answer say about its content.
struct line_facts {
  bool fixed = false;   // the content must stay as it is
  bool varies = false;  // with Accept-Encoding; it is said already
  std::string_view etag{};
};

line_facts read_lines(std::string_view lines) {
  line_facts facts;
  while (!lines.empty()) {
    const auto [whole, name, value] = take_line(lines);
    if (is_one_of(name, {"Content-Encoding", "Content-Range", "Content-Digest", "Repr-Digest",
                         "Digest", "Content-MD5"})) {
      facts.fixed = true;
    } else if (equal_ignoring_case(name, "Cache-Control")) {
      facts.fixed |= lists(value, "no-transform");
    } else if (equal_ignoring_case(name, "Vary")) {
      facts.varies |= lists(value, "Accept-Encoding") || lists(value, "*");
    } else if (equal_ignoring_case(name, "ETag")) {
      facts.etag = value;
    }
  }
  return facts;
}

// The lines of an answer that is compressed: its bytes are not those that its tag stood for, and
// ranges of them mean nothing to the handler.
void rewrite_lines(buffer& headers) {
  buffer rewritten;
  for (auto lines = headers.view(); !lines.empty();) {
    const auto [whole, name, value] = take_line(lines);
    if (equal_ignoring_case(name, "Accept-Ranges")) continue;
    if (equal_ignoring_case(name, "ETag") && value.starts_with('"')) {
      rewritten.append("ETag: W/");
      rewritten.append(value);
      rewritten.append("\r\n");
    } else {
      rewritten.append(whole);
    }
  }
  headers.swap(rewritten);
}

void add_coding(reply& answer, coding chosen) {
  rewrite_lines(answer.headers);
  answer.headers.append("Content-Encoding: ");
  answer.headers.append(coding_names[std::size_t(chosen)]);
  answer.headers.append("\r\n");
}

// ---- the negotiation

bool is_event_stream(std::string_view type) {
  return equal_ignoring_case(without_blanks(type.substr(0, type.find(';'))), "text/event-stream");
}

// Whether some request might get the answer compressed.
bool may_be_compressed(const call& c, std::size_t least_bytes) {
  const auto& answer = c.answer;
  if (answer.status == 204 || answer.status == 206 || answer.status == 304) return false;
  const auto wish = c.route ? c.route->compress : std::nullopt;
  if (wish == false) return false;
  const auto size = answer.source ? answer.source_size : answer.content().size();
  if (size && *size < least_bytes) return false;
  return is_compressible(answer.content_type) &&
         (wish == true || !is_event_stream(answer.content_type));
}

bool has_credentials(const call& c) {
  return c.head.has(known::cookie) || c.head.has(known::authorization);
}

coding choose_coding(const request& r) {
  std::optional<std::string_view> line;
  std::string joined;
  for (const auto& [name, value] : r.headers()) {
    if (!equal_ignoring_case(name, "Accept-Encoding")) continue;
    if (!line) {
      line = value;
    } else {
      joined = std::string(*line).append(",").append(value);
      line = joined;
    }
  }
  const auto chosen = choose_encoding(line, coding_names);
  return chosen ? coding(*chosen) : coding::identity;
}

// The tag of an answer without content is that of the answer which the client has.
void match_validator(call& c) {
  auto& headers = c.answer.headers;
  const auto facts = read_lines(headers.view());
  if (!facts.etag.starts_with('"')) return;
  const auto weak = "W/" + std::string(facts.etag);
  for (const auto& [name, value] : c.incoming.headers()) {
    if (!equal_ignoring_case(name, "If-None-Match") || value.find(weak) == value.npos) continue;
    rewrite_lines(headers);
    if (!facts.varies) headers.append(vary_line);
    return;
  }
}

// ---- answers that are made while they are sent

// With a compressor that has begun.
class compressing_source final : public body_source {
 public:
  compressing_source(std::unique_ptr<compressor> c, std::unique_ptr<body_source> inside,
                     std::optional<std::uint64_t> size)
      : compressor_(std::move(c)), inside_(std::move(inside)), size_(size) {}
  compressing_source(std::unique_ptr<compressor> c, std::string&& text, buffer&& bytes)
      : compressor_(std::move(c)), text_(std::move(text)), content_(std::move(bytes)),
        left_(text_.empty() ? content_.view() : text_), last_(step::end), size_(left_.size()),
        taken_(left_.size()) {}

  void begin(more_signal signal) override {
    if (inside_) inside_->begin(signal);
  }

  step next(buffer& out) override {
    if (left_.empty() && last_ != step::end) take_content();
    const auto part = left_.substr(0, most_per_step);
    left_.remove_prefix(part.size());
    const bool all = left_.empty();
    if (all && last_ == step::cut) return step::cut;
    if (all && last_ == step::end) {
      compressor_->write(part, out, compressor::flushing::end);
      return step::end;
    }
    // What the source has given is the client's, however long the rest takes.
    const bool flushes = all && inside_;
    if (!part.empty()) {
      compressor_->write(part, out,
                         flushes ? compressor::flushing::part : compressor::flushing::none);
    }
    return all && last_ == step::wait ? step::wait : step::pause;
  }

  duration heartbeat() const override { return inside_ ? inside_->heartbeat() : duration(); }
  void beat(buffer& out) override {
    content_.clear();
    inside_->beat(content_);
    if (!content_.empty()) compressor_->write(content_.view(), out, compressor::flushing::part);
  }

 private:
  // Small parts together, for each costs some bytes.
  void take_content() {
    content_.clear();
    do last_ = inside_->next(content_);
    while (last_ == step::more && content_.size() < most_per_step);
    left_ = content_.view();
    taken_ += left_.size();
    if (!size_) return;
    if (taken_ > *size_) throw error("an answer is longer than its size said");
    if (last_ == step::end && taken_ < *size_) {
      throw error("an answer is shorter than its size said");
    }
  }

  std::unique_ptr<compressor> compressor_;
  std::unique_ptr<body_source> inside_{};  // null: all is there
  std::string text_{};
  buffer content_{};
  std::string_view left_{};  // of one of them
  step last_ = step::more;   // what the source said
  std::optional<std::uint64_t> size_;
  std::uint64_t taken_ = 0;
};

void check_level(std::string& wrong, const char* name, int value, int least, int most) {
  if (value >= least && value <= most) return;
  wrong += fmt::format("\n  {} is {}, but goes from {} to {}", name, value, least, most);
}

}  // namespace

void check_compression(const compression_options& options) {
  std::string wrong;
  check_level(wrong, "gzip_level", options.gzip_level, 1, 9);
  check_level(wrong, "brotli_quality", options.brotli_quality, 0, 11);
  check_level(wrong, "zstd_level", options.zstd_level, 1, 19);
  if (!wrong.empty()) throw configuration_error("no such compression:" + wrong);
}

void answer_compressor::compress(call& c) {
  auto& answer = c.answer;
  if (!options_.enabled) return;
  if (answer.status == 304) return match_validator(c);
  if (!may_be_compressed(c, options_.least_bytes)) return;
  const auto facts = read_lines(answer.headers.view());
  if (facts.fixed) return;
  if (!facts.varies) answer.headers.append(vary_line);
  const bool opted_in = c.route && c.route->compress == true;
  if (has_credentials(c) && !opted_in) return;
  const auto chosen = choose_coding(c.incoming);
  if (chosen == coding::identity) return;
  try {
    const bool is_small = !answer.source && answer.content().size() <= most_compressed_now;
    if (is_small) compress_now(answer, chosen);
    else compress_later(answer, chosen);
  } catch (const std::exception&) {
    // Out of memory for it: the answer goes as it is.
  }
}

void answer_compressor::compress_now(reply& answer, coding chosen) {
  auto with = std::exchange(kept_[std::size_t(chosen)], nullptr);
  const auto content = answer.content();
  compressed_.clear();
  if (!with) with = make_compressor(chosen, options_);
  with->begin(content.size());
  with->write(content, compressed_, compressor::flushing::end);
  kept_[std::size_t(chosen)] = std::move(with);
  if (compressed_.size() < content.size()) {
    answer.long_body.clear();
    answer.body.swap(compressed_);
    add_coding(answer, chosen);
  }
  if (compressed_.capacity() > most_compressed_kept) compressed_.release();
}

void answer_compressor::compress_later(reply& answer, coding chosen) {
  auto with = make_compressor(chosen, options_);
  with->begin(answer.source ? answer.source_size : answer.content().size());
  if (answer.source) {
    answer.source = std::make_unique<compressing_source>(std::move(with), std::move(answer.source),
                                                         answer.source_size);
  } else {
    answer.source = std::make_unique<compressing_source>(
        std::move(with), std::move(answer.long_body), std::move(answer.body));
    answer.long_body.clear();
    answer.body.clear();
  }
  answer.source_size.reset();
  add_coding(answer, chosen);
}

// ---- requests

void read_content_encoding(call& c) {
  unsigned count = 0;
  bool known_coding = true;
  for (const auto& [name, value] : c.incoming.headers()) {
    if (!equal_ignoring_case(name, "Content-Encoding")) continue;
    for (auto rest = value; !rest.empty();) {
      const auto comma = std::min(rest.find(','), rest.size());
      auto coded = without_blanks(rest.substr(0, comma));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      if (coded.empty() || equal_ignoring_case(coded, "identity")) continue;
      if (equal_ignoring_case(coded, "x-gzip")) coded.remove_prefix(2);  // RFC 9110 section 8.4.1.3
      const auto found = std::find_if(coding_names.begin(), coding_names.end(),
                                      [&](auto n) { return equal_ignoring_case(n, coded); });
      known_coding = known_coding && found != coding_names.end();
      c.body_coding = coding(found - coding_names.begin());
      ++count;
    }
  }
  if (known_coding && count <= 1) return;
  c.body_coding = coding::identity;
  add_header(c.answer, "Accept-Encoding", "zstd, br, gzip");  // RFC 7694
  c.fail(415, known_coding ? "the body has more than one content coding"
                           : "the body has a content coding that is not known here");
}

void remove_content_encoding(request_head& head) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < head.line_count; ++i) {
    if (!equal_ignoring_case(head.lines[i].name, "Content-Encoding")) {
      for (auto& at : head.index) {
        if (at == i + 1) at = std::uint8_t(kept + 1);
      }
      head.lines[kept++] = head.lines[i];
    }
  }
  head.line_count = kept;
  head.index[std::size_t(known::content_encoding)] = 0;
}

body_decoder::status body_decoder::read(std::string_view& bytes, buffer& out) {
  if (bytes.empty() && empty_) return status::hungry;
  empty_ = false;
  const auto before = out.size();
  // One byte more than allowed tells a larger body from one that ends just there.
  const auto verdict = inside_->read(bytes, out, std::min(most_decoded_at_once - 1, left_) + 1);
  const auto given = out.size() - before;
  if (given > left_) return status::too_large;
  left_ -= given;
  switch (verdict) {
    case decompressor::status::hungry: return status::hungry;
    case decompressor::status::full: return status::more;
    case decompressor::status::malformed: break;
  }
  return status::malformed;
}

}  // namespace aft::http
