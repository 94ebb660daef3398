// What clients and suites from outside ask of any server.
//
//   outside_server [--port N] [--static DIR]

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <aft/aft.hpp>

namespace {

[[noreturn]] void refuse(const char* why, std::string_view what) {
  std::fprintf(stderr, "outside_server: %s%.*s\nusage: outside_server [--port N] [--static DIR]\n",
               why, int(what.size()), what.data());
  std::exit(2);
}

aft::problem not_built() { return {.status = 501, .detail = "this part is not built yet"}; }

void define(aft::app& app) {
  app.any("/", [](const aft::request& r) -> aft::result<aft::response, aft::problem> {
    if (r.header("Upgrade")) return not_built();
    const auto type = r.header("Content-Type").value_or("text/plain; charset=utf-8");
    return aft::response{200, std::string(r.body().empty() ? "OK" : r.body()), std::string(type)};
  });
  app.any("/echo", [](const aft::request& r) {
    std::string lines;
    for (const auto& h : r.headers()) {
      lines.append(h.name).append(": ").append(h.value).append("\n");
    }
    return lines;
  });
  app.any("/cookie", [](const aft::request& r) {
    std::string lines;
    for (const auto& h : r.headers()) {
      if (!aft::equal_ignoring_case(h.name, "cookie")) continue;
      auto rest = h.value;
      while (!rest.empty()) {
        const auto pair = rest.substr(0, rest.find(';'));
        const auto name = pair.substr(0, pair.find('='));
        const auto begin = name.find_first_not_of(' ');
        if (begin != name.npos) {
          const auto clean = name.substr(begin);
          lines.append(clean).append("=").append(r.cookie(clean).value_or("")).append("\n");
        }
        rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
      }
    }
    return lines;
  });
  app.post("/json", [](aft::body<aft::raw_json> document) {
    return aft::response{200, document->text, "application/json"};
  });
  app.post("/multipart", [] { return not_built(); });
  app.get("/events", [] { return not_built(); });
  app.get("/static/{path...}", [](std::string) { return not_built(); });
}

}  // namespace

int main(int count, char** words) {
  aft::listen_options listen;
  listen.limits.max_body = 16 * 1024 * 1024;
  for (int i = 1; i < count; i += 2) {
    const std::string_view name = words[i];
    if (i + 1 == count) refuse("no value for ", name);
    const std::string_view value = words[i + 1];
    if (name == "--port") {
      const auto end = value.data() + value.size();
      const auto read = std::from_chars(value.data(), end, listen.port);
      if (read.ec != std::errc() || read.ptr != end) refuse("not a port: ", value);
    } else if (name != "--static") {
      refuse("unknown option ", name);
    }
  }
  aft::app app({.log = aft::log_to_stderr(), .least_log_level = aft::log_level::warning});
  define(app);
  app.run(listen);
}
