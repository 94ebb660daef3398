// busboy's tests of multipart/form-data: the same parts, or a refusal where it has an error; each
// case whole and in pieces.

#include <algorithm>
#include <sstream>
#include <vector>

#include <aft/ground/encoding.hpp>
#include <aft/ground/json.hpp>
#include <aft/http/multipart.hpp>

#include "vectors.hpp"

namespace {

using verdict = aft::multipart_verdict;

struct expectation {  // a part, an error, or neither where a limit was reached
  std::optional<std::string> type, name, filename, mime, value, data_b64, error;
};
struct limit_options {
  std::optional<std::size_t> parts, fields, files;
};
struct case_options {
  std::optional<limit_options> limits;
  std::optional<std::vector<std::string>> events;  // empty: all of them
};
struct form_case {
  std::string id, what, content_type, body_b64;
  case_options options;
  std::vector<expectation> expected;
  bool has_error;
};

// Where busboy has a notion that is its own; what is to come of it here instead.
struct own_way {
  std::string_view id, why;
  verdict end;
};
const own_way own_ways[] = {
    {"busboy/multipart/3", "its size limits cut a content short; here they refuse, so all is read",
     verdict::ok},
    {"busboy/multipart/4", "it can limit files apart from fields", verdict::ok},
    {"busboy/multipart/7", "it can give filenames with directories; here they are never paths",
     verdict::ok},
    {"busboy/multipart/8", "it passes over a part without a name; RFC 7578 section 4.2 wants one",
     verdict::malformed},
    {"busboy/multipart/17", "it passes over a part without Content-Disposition, likewise",
     verdict::malformed},
};

std::string decode(const std::string& base64) {
  std::string bytes;
  if (!aft::from_base64(base64, bytes)) std::cerr << "wrong: base64\n", std::exit(1);
  return bytes;
}

std::string write_part(std::string_view name, const std::optional<std::string>& filename,
                       std::string_view mime) {
  return std::string(name) + (filename ? "(" + *filename + ")" : "") + std::string(mime) + "=";
}

struct outcome {
  std::vector<std::string> parts{};
  verdict end = verdict::ok;
};

outcome read(const form_case& c, const aft::multipart_limits& limits, std::size_t piece) {
  const auto boundary = aft::multipart_boundary(c.content_type);
  if (!boundary) return {{}, verdict::malformed};
  const auto events = c.options.events.value_or(std::vector<std::string>{"field", "file"});
  bool listens = false;
  outcome out;
  aft::multipart_reader reader(
      *boundary,
      {.on_part =
           [&](const aft::part_head& head) {
             listens = std::count(events.begin(), events.end(), head.filename ? "file" : "field");
             const auto mime = head.content_type.substr(0, head.content_type.find(';'));
             if (listens) out.parts.push_back(write_part(head.name, head.filename, mime));
           },
       .on_data =
           [&](std::string_view data) {
             if (listens) out.parts.back() += data;
           }},
      limits);
  const auto body = decode(c.body_b64);
  for (std::size_t at = 0; at < body.size(); at += std::min(piece, body.size())) {
    if (reader.write(std::string_view(body).substr(at, piece)) != verdict::ok) break;
  }
  out.end = reader.finish();
  return out;
}

// Its limits are ours where the form has no parts but those they count.
aft::multipart_limits limits_of(const form_case& c) {
  aft::multipart_limits limits{.max_part_head = 16 * 1024};  // as busboy's
  const auto given = c.options.limits.value_or(limit_options{});
  for (const auto& count : {given.parts, given.fields, given.files}) {
    if (count) limits.max_parts = *count;
  }
  return limits;
}

bool is_right(const form_case& c, const outcome& got) {
  std::vector<std::string> parts;
  bool reaches_limit = false;
  for (const auto& e : c.expected) {
    if (e.error) break;
    if (!e.name) {
      reaches_limit = true;
      break;
    }
    auto part = write_part(*e.name, e.filename, e.mime.value_or("(none)"));
    part += e.data_b64 ? decode(*e.data_b64) : e.value.value_or("");
    parts.push_back(std::move(part));
  }
  if (got.parts != parts) return false;
  if (reaches_limit) return got.end == verdict::too_many_parts;
  return c.has_error == (got.end != verdict::ok);
}

}  // namespace

int main() {
  int failures = 0, read_whole = 0, refused = 0, free_choice = 0;
  std::istringstream lines(vectors::read(vectors::folder("multipart") / "multipart.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const auto parsed = aft::json::read<form_case>(line, {.ignore_unknown = true});
    if (!parsed) {
      std::cerr << "wrong: " << aft::json::write(parsed.reason()) << "\n";
      return 1;
    }
    const auto& c = *parsed;
    const auto* own = std::find_if(std::begin(own_ways), std::end(own_ways),
                                   [&c](const own_way& o) { return o.id == c.id; });
    const bool is_free = own != std::end(own_ways);
    bool right = true;
    verdict end{};
    for (const std::size_t piece :
         {std::string::npos, std::size_t(1000), std::size_t(7), std::size_t(1)}) {
      const auto got = read(c, is_free ? aft::multipart_limits{} : limits_of(c), piece);
      end = got.end;
      right = right && (is_free ? end == own->end : is_right(c, got));
    }
    if (is_free) {
      ++free_choice;
      std::cout << "free: " << c.id << " (" << c.what << "): " << own->why << "\n";
    } else {
      ++(end == verdict::ok ? read_whole : refused);
    }
    if (right) continue;
    ++failures;
    std::cerr << "wrong: " << c.id << " (" << c.what << ") ends with verdict " << int(end) << "\n";
  }
  std::cout << read_whole << " to read, " << refused << " to refuse, " << free_choice << " free, "
            << failures << " wrong\n";
  return failures || read_whole < 13 || refused < 8 ? 1 : 0;
}
