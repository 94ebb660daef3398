// Requests in bytes from the tests of three other parsers: what each of them accepts, refuses, or
// waits for more of. Given whole and byte by byte.

#include <aft/ground/encoding.hpp>
#include <aft/ground/json.hpp>

#include <map>
#include <sstream>

#include "../http/wire.hpp"
#include "vectors.hpp"

namespace {

struct row {
  std::string id, source, licence, raw_b64, expect;
  std::optional<int> messages;
  std::optional<std::vector<std::string>> bodies;
  std::optional<bool> host_added;
  std::optional<std::vector<std::string>> error;
  std::optional<std::string> note;
};

struct seen {
  std::string bodies;  // each with its length before it
  int messages = 0;
};

struct echo_site : wire::site {
  seen got;
  echo_site() {
    auto note = [this](const aft::request& r) {
      ++got.messages;
      got.bodies += std::to_string(r.body().size()) + ":" + std::string(r.body()) + " ";
    };
    routes.any("/", note);
    routes.any("/{rest...}", [note](std::string, const aft::request& r) { note(r); });
  }
};

struct verdict {
  std::string word;  // accept, reject or incomplete
  seen got;
  std::string answers;
};

verdict judge(const std::string& bytes, std::size_t piece) {
  echo_site site;
  const auto sent = wire::send(site, bytes, piece);
  const auto statuses = wire::statuses(sent.answers);
  const auto last = statuses.substr(statuses.size() > 3 ? statuses.size() - 3 : 0);
  const char* word = last.empty() || last == "100"      ? "incomplete"
                     : last[0] == '4' || last[0] == '5' ? "reject"
                                                        : "accept";
  return {word, site.got, sent.answers};
}

std::string joined(const std::vector<std::string>& bodies, int messages) {
  std::string text;
  for (int i = 0; i < messages; ++i) {
    const auto& b = bodies[std::size_t(i)];
    text += std::to_string(b.size()) + ":" + b + " ";
  }
  return text;
}

// Where we refuse what another parser lets pass, or the other way round, and why.
const std::map<std::string, const char*> ours = {
    {"httparse/test_request_newlines", "a line ends in CRLF, never in LF alone"},
    {"llhttp/invalid:68", "any token is a method, with any version"},
    {"llhttp/method:137", "* is a target of OPTIONS alone"},
    {"llhttp/sample:316", "a request line names its version"},
    {"llhttp/transfer-encoding:753", "chunked is the one coding we undo"},
    {"llhttp/uri:6", "a quote is no character of a URI"},
    {"llhttp/uri:54", "a URL has a path"},
    {"llhttp/uri:77", "a URL has a path"},
    {"llhttp/uri:167", "a target has no fragment"},
    {"pico/4", "obsolete line folding"},
    {"pico/29", "bytes beyond ASCII are no characters of a URI"},
    {"pico/33", "one space between the parts of a request line"},
};

// Null, or what is wrong.
std::string compare(const row& r, const std::string& bytes) {
  const auto whole = judge(bytes, bytes.size()), pieces = judge(bytes, 1);
  // In pieces, a head whose end never comes is waited for, and refused when its time is up.
  const bool same = whole.word == pieces.word ||
                    (whole.word == "reject" && pieces.word == "incomplete") || r.expect == "either";
  if (!same || (whole.word == "accept" && whole.got.bodies != pieces.got.bodies)) {
    return "in pieces it is another: " + pieces.word;
  }
  if (r.expect == "either" || ours.contains(r.id)) return "";
  const bool without_host = bytes.find("Host:") == bytes.npos && bytes.find("/1.1") != bytes.npos;
  if (whole.word == "reject" && r.expect == "incomplete" && without_host) return "";
  if (r.expect == "reject" && whole.answers.find("Connection: close") != std::string::npos)
    return "";
  if (whole.word != r.expect) return "wanted " + r.expect + ", seen " + whole.word;
  if (r.expect == "accept" && r.bodies && whole.got.bodies != joined(*r.bodies, *r.messages)) {
    return "other bodies: " + whole.got.bodies;
  }
  return "";
}

}  // namespace

int main() {
  int right = 0, wrong = 0, free_choice = 0;
  for (const char* file : {"httparse", "llhttp", "pico"}) {
    std::istringstream lines(
        vectors::read(vectors::folder("http1") / (std::string(file) + ".jsonl")));
    for (std::string line; std::getline(lines, line);) {
      const auto r = aft::json::read<row>(line);
      if (!r) {
        std::cerr << "a row that is not understood: " << line << "\n";
        return 1;
      }
      std::string bytes;
      if (!aft::from_base64(r->raw_b64, bytes)) return 1;
      if (const auto why = compare(*r, bytes); !why.empty()) {
        ++wrong;
        std::cerr << r->id << ": " << why << " (" << r->source << ")\n" << bytes << "\n";
      } else {
        ++(r->expect == "either" || ours.contains(r->id) ? free_choice : right);
      }
    }
  }
  std::cout << right << " right, " << free_choice << " free, " << wrong << " wrong\n";
  return wrong || right < 155 ? 1 : 0;
}
