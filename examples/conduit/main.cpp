// Conduit: the RealWorld API on aft.
//
//   conduit [--port N] [--address A] [--database URL] [--threads N] [--web DIRECTORY]
//
// Prints "listening on http://127.0.0.1:8080" once it is ready, and stops cleanly on SIGTERM.

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "conduit.hpp"

namespace {

[[noreturn]] void refuse(const char* why, std::string_view what = {}) {
  std::fprintf(stderr,
               "conduit: %s%.*s\nusage: conduit [--port N] [--address A] [--database URL] "
               "[--threads N] [--web DIRECTORY]\n",
               why, int(what.size()), what.data());
  std::exit(2);
}

template <class Number>
Number number(std::string_view name, std::string_view text) {
  Number n{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (code != std::errc() || end != text.data() + text.size()) refuse("not a number: ", name);
  return n;
}

// Any RealWorld front end that was built for the origin it is served from.
void serve_front_end(aft::app& app, const std::string& directory) {
  try {
    app.files("/", directory, {.single_page = true});
  } catch (const aft::configuration_error& e) {
    refuse(e.what());
  }
  app.any("/api/{rest...}", [](std::string) { return aft::problem{404, "no such path"}; }).hidden();
}

}  // namespace

int main(int count, char** words) {
  // Any page may call: callers are known by tokens, which no browser sends by itself.
  aft::app_options options{.database = "conduit.db",
                           .access = {.origins = {"*"}},
                           .log = aft::log_to_stderr(),
                           .least_log_level = aft::log_level::warning};
  aft::listen_options listen;
  std::string web;
  for (int i = 1; i < count; i += 2) {
    const std::string_view name = words[i];
    if (i + 1 == count) refuse("no value for ", name);
    const std::string_view value = words[i + 1];
    if (name == "--port") listen.port = number<std::uint16_t>(name, value);
    else if (name == "--threads") listen.threads = number<unsigned>(name, value);
    else if (name == "--address") listen.address = value;
    else if (name == "--database") options.database = value;
    else if (name == "--web") web = value;
    else refuse("unknown option ", name);
  }
  conduit::keys keys;
  aft::app app(std::move(options));
  conduit::define(app, keys);
  if (!web.empty()) serve_front_end(app, web);
  app.run(listen);
}
