// Bytes of HTTP from strangers: never a crash, the same answers however the bytes are cut, and no
// more answers than there can be requests.

#include <cstdint>
#include <cstdlib>

#include <aft/http/form.hpp>
#include <aft/http/stream.hpp>

#include "../http/wire.hpp"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

// How many answers there are, not counting "100 Continue", which depends on what came with the
// head.
std::size_t count(const std::string& answers) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = answers.find("HTTP/1.1 ", at)) != answers.npos; ++at) {
    n += answers.compare(at + 9, 3, "100") != 0;
  }
  return n;
}

struct parts {
  std::string text;
  void write(std::string_view part) { text += part; }
};

wire::site& the_site() {
  static auto* site = [] {
    auto* s = new wire::site;
    s->compression.enabled = true;
    s->limits.max_head = 1024;
    s->limits.max_target = 256;
    s->limits.max_headers = 16;
    s->limits.max_body = 512;
    s->routes.get("/", [] { return "root"; });
    s->routes.get("/a/{x}/{y}", [](int x, std::string y) { return std::to_string(x) + y; });
    s->routes.get("/all/{rest...}", [](std::string rest) { return rest; });
    s->routes.post("/echo", [](aft::body<std::string> b) { return *b; });
    s->routes.post("/json", [](aft::body<aft::raw_json> b) { return b->text; });
    s->routes.post("/parts", [](aft::body_into<parts> b) { return b->text; });
    s->routes.post("/form", [](aft::body_into<aft::form_data> f) {
      return std::to_string(f->fields().size()) + " " + std::to_string(f->files().size());
    });
    s->routes.get("/stream", [] {
      return aft::stream([left = 3](aft::buffer& out) mutable {
        out.append("part");
        return --left > 0;
      });
    });
    s->routes.any("/any", [](const aft::request& r, aft::cookie<"c", std::optional<int>> c) {
      return std::string(r.method_name()) + (*c ? "c" : "");
    });
    s->start();
    return s;
  }();
  return *site;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  auto& site = the_site();
  const std::size_t piece = data[0] + 1u;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = wire::send(site, bytes, std::string_view::npos, true);
  const auto cut = wire::send(site, bytes, piece, true);
  check(whole.closing && cut.closing);
  // An echoed body may look like an answer, so what is counted is the same only for the same bytes.
  check(count(whole.answers) == count(cut.answers));
  check(count(whole.answers) <= bytes.size());
  return 0;
}
