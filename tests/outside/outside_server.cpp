// What clients and suites from outside ask of any server.
//
//   outside_server [--port N] [--static DIR]
//                  [--tls-certificate FILE --tls-key FILE] [--tls-clients FILE]
//
// --tls-clients: authorities whose clients are known by name; others are let in too.

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <aft/aft.hpp>

namespace {

[[noreturn]] void refuse(const char* why, std::string_view what) {
  std::fprintf(stderr,
               "outside_server: %s%.*s\nusage: outside_server [--port N] [--static DIR] "
               "[--tls-certificate FILE --tls-key FILE] [--tls-clients FILE]\n",
               why, int(what.size()), what.data());
  std::exit(2);
}

struct part {
  std::string name;
  std::optional<std::string> filename;
  std::string data_b64;
};

// The parts in their order, which a form keeps by fields and files apart.
struct parts_in_order {
  std::vector<part> parts{};
  std::optional<aft::multipart_reader> reader{};

  explicit parts_in_order(const aft::request& r) {
    const auto boundary = aft::multipart_boundary(r.header("Content-Type").value_or(""));
    if (!boundary) throw aft::problem{415, "no multipart form"};
    reader.emplace(*boundary,
                   aft::multipart_sink{
                       .on_part =
                           [this](const aft::part_head& h) {
                             parts.push_back({h.name, h.filename, ""});
                           },
                       .on_data = [this](std::string_view d) { parts.back().data_b64 += d; },
                   });
  }
  void write(std::string_view bytes) { check(reader->write(bytes)); }
  void end() {
    check(reader->finish());
    reader.reset();
    for (auto& p : parts) p.data_b64 = aft::to_base64(p.data_b64);
  }

 private:
  void check(aft::multipart_verdict verdict) const {
    if (verdict != aft::multipart_verdict::ok) throw aft::problem{400, std::string(reader->why())};
  }
};

// Ten events a second: "1", "2", ...
class ticker {
 public:
  explicit ticker(aft::event_feed& feed)
      : thread_([this, &feed] {
          for (int n = 1; !stopping_; ++n) {
            feed.publish(std::to_string(n));
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
          }
        }) {}
  ticker(const ticker&) = delete;
  ticker& operator=(const ticker&) = delete;
  ~ticker() {
    stopping_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

aft::websocket echo() {
  return aft::websocket({.on_message =
                             [](const aft::peer& p, std::string_view data, aft::message_kind kind) {
                               if (kind == aft::message_kind::text) p.send(data);
                               else p.send_binary(data);
                             },
                         .max_message = 16 * 1024 * 1024,
                         .max_unsent = 64 * 1024 * 1024});
}

// A path that speaks both.
struct root_answer {
  std::optional<aft::websocket> socket{};
  aft::response page{};

  static constexpr auto answer_info = aft::websocket::answer_info;
  void answer(aft::http::call& c) && {
    if (socket) std::move(*socket).answer(c);
    else aft::http::reply_with(c, std::move(page));
  }
};

void define(aft::app& app, aft::event_feed& feed, const std::string& files) {
  app.state(feed);
  app.any("/", [](const aft::request& r) -> root_answer {
    if (aft::equal_ignoring_case(r.header("Upgrade").value_or(""), "websocket")) return {echo()};
    const auto type = r.header("Content-Type").value_or("text/plain; charset=utf-8");
    return {{}, {200, std::string(r.body().empty() ? "OK" : r.body()), std::string(type)}};
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
  app.get("/client", [](const aft::request& r) {
    const auto* shown = r.client_certificate();
    return (r.secure() ? "secure " : "plain ") + (shown ? shown->subject : "nobody");
  });
  app.post("/json", [](aft::body<aft::raw_json> document) {
    return aft::response{200, document->text, "application/json"};
  });
  app.post("/multipart", [](const aft::body_into<parts_in_order>& form) { return form->parts; });
  app.get("/events", [](aft::event_feed& f) { return aft::event_stream(f); });
  if (!files.empty()) app.files("/static", files);
}

}  // namespace

int main(int count, char** words) {
  aft::listen_options listen;
  std::string files;
  aft::tls_certificate certificate;
  listen.limits.max_body = 16 * 1024 * 1024;
  for (int i = 1; i < count; i += 2) {
    const std::string_view name = words[i];
    if (i + 1 == count) refuse("no value for ", name);
    const std::string_view value = words[i + 1];
    if (name == "--port") {
      const auto end = value.data() + value.size();
      const auto read = std::from_chars(value.data(), end, listen.port);
      if (read.ec != std::errc() || read.ptr != end) refuse("not a port: ", value);
    } else if (name == "--static") {
      files = value;
    } else if (name == "--tls-certificate") {
      certificate.certificate = value;
    } else if (name == "--tls-key") {
      certificate.key = value;
    } else if (name == "--tls-clients") {
      listen.tls.client_authorities = value;
      listen.tls.client_certificate_optional = true;
    } else {
      refuse("unknown option ", name);
    }
  }
  if (certificate.certificate.empty() != certificate.key.empty()) {
    refuse("a certificate and its key go together", "");
  }
  if (!certificate.key.empty()) listen.tls.certificates.push_back(certificate);
  aft::app app({.log = aft::log_to_stderr(), .least_log_level = aft::log_level::warning});
  aft::event_feed feed;
  define(app, feed, files);
  ticker ticks(feed);
  app.run(listen);
}
