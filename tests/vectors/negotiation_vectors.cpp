// What range-parser, fresh and negotiator, of the jshttp project, expect of their functions, asked
// of ours. Where RFC 9110 leaves a choice that they make otherwise, or they do what no server
// needs, a vector is free, for the reason given beside it.

#include <algorithm>
#include <map>
#include <stdexcept>
#include <vector>

#include <aft/ground/json.hpp>

#include "http/accept.hpp"
#include "http/conditional.hpp"
#include "http/http_date.hpp"
#include "http/range.hpp"
#include "vectors.hpp"

namespace {

struct tally {
  int held = 0, mapped = 0, free = 0, wrong = 0;
};

void check(tally& t, bool right, const std::string& what) {
  if (right) return void(++t.held);
  ++t.wrong;
  std::cerr << "wrong: " << what << "\n";
}

template <class T>
T read(const std::string& text) {
  auto value = aft::json::read<T>(text, {.ignore_unknown = true});
  if (!value)
    throw std::runtime_error(text + " is not as expected: " + aft::json::write(value.reason()));
  return *value;
}

template <class T>
std::vector<T> read_rows(const std::string& file) {
  return read<std::vector<T>>(vectors::read(vectors::folder("negotiation") / file));
}

void print(const char* name, const tally& t) {
  std::cout << name << ": " << t.held << " held, of them " << t.mapped << " mapped, " << t.free
            << " free, " << t.wrong << " wrong\n";
}

// ---- range-parser(size, value, {combine}): -1 unsatisfiable, -2 malformed, or the ranges

struct range_row {
  std::vector<aft::raw_json> args;
  std::optional<aft::raw_json> result;
};

struct start_and_end {
  std::uint64_t start, end;
};

// As ours gives them: without combining, theirs may touch.
std::vector<aft::http::byte_range> combined(const std::vector<start_and_end>& ranges) {
  std::string value = "bytes=";
  for (const auto& r : ranges) {
    value += std::to_string(r.start) + "-" + std::to_string(r.end) + ",";
  }
  const auto set = aft::http::read_range(value, std::uint64_t(1) << 32);
  return {set.view().begin(), set.view().end()};
}

// Theirs passes over a malformed part; ours does not heed such a line, as section 14.2 allows.
bool has_malformed_part(std::string_view value) {
  auto rest = value.substr(value.find('=') + 1);
  return std::any_of(rest.begin(), rest.end(), [](char c) {
    return std::string_view("0123456789-, ").find(c) == std::string_view::npos;
  });
}

tally check_ranges() {
  tally t;
  for (const auto& row : read_rows<range_row>("range.json")) {
    if (!row.result || row.args.at(1).text.front() != '"') {  // a throw for what is no string
      ++t.free;
      continue;
    }
    const auto value = read<std::string>(row.args[1].text);
    const auto set = aft::http::read_range(value, read<std::uint64_t>(row.args.at(0).text));
    if (row.result->text == "-2") {
      check(t, set.verdict == aft::http::range_verdict::no_range, value);
    } else if (!value.starts_with("bytes=")) {  // theirs leaves the unit to the caller
      ++t.free;
    } else if (has_malformed_part(value)) {
      ++t.free;
      if (set.verdict != aft::http::range_verdict::no_range) ++t.wrong;
    } else if (value == "bytes=500-20") {  // invalid, says section 14.1.1; unsatisfiable to theirs
      ++t.free;
    } else if (row.result->text == "-1") {
      check(t, set.verdict == aft::http::range_verdict::unsatisfiable, value);
    } else {
      const auto theirs = read<std::vector<start_and_end>>(row.result->text);
      const auto expected = combined(theirs);
      if (expected.size() != theirs.size()) ++t.mapped;
      check(t,
            set.verdict == aft::http::range_verdict::ranges &&
                std::equal(expected.begin(), expected.end(), set.view().begin(), set.view().end()),
            value);
    }
  }
  return t;
}

// ---- fresh(request headers, response headers): whether the client's copy is good

struct fresh_row {
  std::vector<std::map<std::string, std::string>> args;
  bool result;
};

tally check_fresh() {
  tally t;
  for (const auto& row : read_rows<fresh_row>("fresh.json")) {
    const auto& request = row.args.at(0);
    const auto& response = row.args.at(1);
    // The client wants it from the origin, and a server's handler is that; section 13 does not
    // look at Cache-Control.
    if (request.contains("cache-control")) {
      ++t.free;
      continue;
    }
    aft::http::representation current;
    if (auto it = response.find("etag"); it != response.end()) current.etag = it->second;
    if (auto it = response.find("last-modified"); it != response.end()) {
      current.last_modified = aft::http::read_http_date(it->second, 0);
    }
    aft::http::request_conditions conditions;
    if (auto it = request.find("if-none-match"); it != request.end()) {
      conditions.if_none_match = it->second;
    }
    if (auto it = request.find("if-modified-since"); it != request.end()) {
      conditions.if_modified_since = it->second;
    }
    const auto outcome = aft::http::check_conditions(aft::method::get, current, conditions);
    const bool known = outcome.verdict == aft::http::condition_verdict::not_modified;
    check(t, known == row.result, aft::json::write(row.args));
  }
  return t;
}

// ---- negotiator(headers).encodings(available) and others: what is acceptable, the best first

using names = std::vector<std::string>;
using chooser = std::optional<std::size_t> (*)(std::optional<std::string_view>, aft::http::offers);

struct negotiator_row {
  std::string fn;
  std::map<std::string, std::string> headers;
  std::optional<names> available;
  aft::raw_json result;
};

struct negotiation {
  const char* line;
  chooser choose;
};
const std::map<std::string, negotiation> negotiations = {
    {"encoding", {"accept-encoding", aft::http::choose_encoding}},
    {"language", {"accept-language", aft::http::choose_language}},
    {"mediaType", {"accept", aft::http::choose_media_type}},
};

// All that is acceptable, the best first: ours chooses one, so it is asked again without that.
names rank(chooser choose, std::optional<std::string_view> line, names offered) {
  names ranked;
  while (true) {
    const std::vector<std::string_view> views(offered.begin(), offered.end());
    const auto best = choose(line, views);
    if (!best) return ranked;
    ranked.push_back(offered.at(*best));
    offered.erase(offered.begin() + std::ptrdiff_t(*best));
  }
}

// The offered in the order that is expected of them, and then the others.
names in_order(const names& expected, const names& offered) {
  names ordered = expected;
  for (const auto& name : offered) {
    if (std::find(expected.begin(), expected.end(), name) == expected.end())
      ordered.push_back(name);
  }
  return ordered;
}

bool same_names(names a, names b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

void check_negotiator(tally& t, negotiator_row row) {
  // There is no function for charsets: all text is UTF-8. And none for the client's list by
  // itself, which is asked for with nothing available.
  const bool many = row.fn.ends_with('s');
  if (many) row.fn.pop_back();
  const auto found = negotiations.find(row.fn);
  if (found == negotiations.end() || !row.available) return void(++t.free);
  const auto header = row.headers.find(found->second.line);
  const auto line =
      header == row.headers.end() ? std::nullopt : std::optional<std::string_view>(header->second);
  // Section 12.5.3: where there is no Accept-Encoding, any will do. To theirs only identity does.
  if (row.fn == "encoding" && !line) return void(++t.free);
  // Of a parameter said twice, theirs takes the first; ours wants both.
  if (line == "text/html;LEVEL=1;level=2") return void(++t.free);

  const auto what = row.fn + " " + std::string(line.value_or("(none)")) + " of " +
                    aft::json::write(*row.available);
  const auto ranked = rank(found->second.choose, line, *row.available);
  if (many) {
    // Of two that the client likes as well, theirs prefers what it names first, or more exactly, or
    // its option "preferred"; ours what is offered first. So the same offers, in their order, must
    // keep that order.
    const auto expected = read<names>(row.result.text);
    if (ranked != expected) ++t.mapped;
    check(t,
          same_names(ranked, expected) &&
              rank(found->second.choose, line, in_order(expected, *row.available)) == expected,
          what + ": " + aft::json::write(ranked));
  } else {
    const auto expected = read<std::optional<std::string>>(row.result.text);
    if (expected && ranked.size() && ranked[0] != *expected) ++t.mapped;
    const auto again = rank(found->second.choose, line,
                            in_order(expected ? names{*expected} : names{}, *row.available));
    check(t, expected ? !again.empty() && again[0] == *expected : ranked.empty(),
          what + ": " + aft::json::write(ranked));
  }
}

tally check_negotiators() {
  tally t;
  for (const auto& row : read_rows<negotiator_row>("negotiator.json")) check_negotiator(t, row);
  return t;
}

}  // namespace

int main() {
  const auto ranges = check_ranges(), fresh = check_fresh(), negotiators = check_negotiators();
  print("range-parser", ranges);
  print("fresh", fresh);
  print("negotiator", negotiators);
  const bool enough = ranges.held >= 35 && fresh.held >= 20 && negotiators.held >= 300;
  return ranges.wrong || fresh.wrong || negotiators.wrong || !enough ? 1 : 0;
}
