#include <aft/http/form.hpp>

#include <aft/ground/problem.hpp>
#include <aft/ground/query_string.hpp>
#include <aft/http/message.hpp>

#include "../ground/utf8.hpp"
#include "letters.hpp"

namespace aft {
namespace {

bool is_urlencoded(std::string_view content_type) {
  return equal_ignoring_case(http::without_blanks(content_type.substr(0, content_type.find(';'))),
                             "application/x-www-form-urlencoded");
}

problem too_large() { return {413, "the form is larger than allowed"}; }

}  // namespace

form_data::form_data(const request& r, form_options options) : options_(std::move(options)) {
  const auto type = r.header("Content-Type").value_or("");
  if (is_urlencoded(type)) return;
  const auto boundary = multipart_boundary(type);
  if (!boundary) {
    throw problem{415,
                  "the body must be a form: multipart/form-data with a boundary, or "
                  "application/x-www-form-urlencoded"};
  }
  multipart_sink sink{
      .on_part = [this](const part_head& head) { begin_part(head); },
      .on_data = [this](std::string_view data) { add_data(data); },
  };
  reader_ = new multipart_reader(*boundary, std::move(sink), options_.limits);
}

form_data::form_data(form_data&& read) noexcept
    : options_(std::move(read.options_)), fields_(std::move(read.fields_)),
      files_(std::move(read.files_)) {}

form_data::~form_data() { delete reader_; }

void form_data::begin_part(const part_head& head) {
  in_file_ = head.filename.has_value();
  if (in_file_) {
    if (files_.size() >= options_.max_files) throw too_large();
    files_.push_back(
        {head.name, *head.filename, head.content_type, temporary_file(options_.directory)});
  } else {
    fields_.push_back({head.name, {}});
  }
}

void form_data::add_data(std::string_view data) {
  if (in_file_) return files_.back().content.write(data);
  auto& value = fields_.back().value;
  fields_bytes_ += data.size();
  if (value.size() + data.size() > options_.max_field_bytes ||
      fields_bytes_ > options_.max_fields_bytes) {
    throw too_large();
  }
  value += data;
}

namespace {

void check_verdict(multipart_verdict verdict, std::string_view why) {
  switch (verdict) {
    case multipart_verdict::ok: return;
    case multipart_verdict::malformed:
    case multipart_verdict::unfinished:
    case multipart_verdict::abandoned:
      throw problem{400, "the form cannot be read: " + std::string(why)};
    case multipart_verdict::too_many_parts:
    case multipart_verdict::head_too_large:
    case multipart_verdict::part_too_large:
    case multipart_verdict::too_large: throw too_large();
  }
}

}  // namespace

void form_data::write(std::string_view bytes) {
  if (reader_) return check_verdict(reader_->write(bytes), reader_->why());
  if (pairs_.size() + bytes.size() > options_.max_fields_bytes) throw too_large();
  pairs_ += bytes;
}

void form_data::end() {
  if (reader_) check_verdict(reader_->finish(), reader_->why());
  else read_pairs();
  for (const auto& f : fields_) {
    if (!detail::is_utf8(f.value) || !detail::is_utf8(f.name)) {
      throw problem{400, "a field of the form is not UTF-8"};
    }
  }
}

void form_data::read_pairs() {
  std::string_view rest = pairs_;
  while (!rest.empty()) {
    const auto pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    if (pair.empty()) continue;
    if (fields_.size() >= options_.limits.max_parts) throw too_large();
    const auto equals = pair.find('=');
    auto& field = fields_.emplace_back();
    const auto value = equals == pair.npos ? std::string_view() : pair.substr(equals + 1);
    if (!percent_decode(pair.substr(0, equals), field.name, true) ||
        !percent_decode(value, field.value, true)) {
      throw problem{400, "the form holds a malformed escape"};
    }
    if (field.value.size() > options_.max_field_bytes) throw too_large();
  }
  pairs_.clear();
}

std::optional<std::string_view> form_data::field(std::string_view name) const {
  for (const auto& f : fields_) {
    if (f.name == name) return f.value;
  }
  return {};
}

const form_file* form_data::file(std::string_view name) const {
  for (const auto& f : files_) {
    if (f.name == name) return &f;
  }
  return nullptr;
}

}  // namespace aft
