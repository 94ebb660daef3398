#pragma once
// Raw bytes in, raw bytes out, through a session without a socket.

#include <string>
#include <string_view>

#include <aft/http/routes.hpp>

#include "http/dispatcher.hpp"
#include "http/parser.hpp"
#include "http/route_list.hpp"
#include "http/session.hpp"

namespace wire {

struct site_routes : aft::routes {
  explicit site_routes(aft::http::route_list& list) : routes(list) {}
};

struct site {
  aft::http::route_list list;
  site_routes routes{list};
  aft::logger log;
  aft::http_limits limits{};
  aft::compression_options compression{.enabled = false};
  std::unique_ptr<aft::http::dispatcher> dispatch{};
  std::unique_ptr<aft::http::session_host> host{};

  void start() {
    host.reset();  // before what it tells its figures to
    dispatch = std::make_unique<aft::http::dispatcher>(log, nullptr, aft::http::access_policy(),
                                                       compression);
    dispatch->start(list);
    host = std::make_unique<aft::http::session_host>(*dispatch, limits);
  }
};

struct outcome {
  std::string answers;  // with the value of Date replaced by "-"
  bool closing;
};

// Sends `bytes` in pieces of at most `piece`, and then the end, unless `end` is false.
inline outcome send(site& s, std::string_view bytes, std::size_t piece = std::string_view::npos,
                    bool end = false) {
  if (!s.host) s.start();
  aft::http::session session;
  aft::buffer out;
  std::string pending;
  while (!bytes.empty() && !session.closing()) {
    const auto part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    pending += part;
    const auto size = pending.size();
    pending.resize(size + aft::http::parser_slack);
    std::size_t used = 0;
    while (session.decoding() || (used < size && !session.closing())) {
      const auto taken = session.receive(*s.host, pending.data() + used, size - used, out);
      while (session.sending() && !session.starved()) {
        aft::buffer more;
        session.send_more(*s.host, more);
        out.append(more.view());
      }
      if (!taken && !session.decoding()) break;
      used += taken;
    }
    pending = pending.substr(used, size - used);
  }
  if (end) session.receive_end(*s.host, out);
  const bool closing = session.closing();
  session.abandon(*s.host);
  std::string text(out.view());
  for (std::size_t at = 0; (at = text.find("Date: ", at)) != text.npos; at += 7) {
    text.replace(at + 6, 29, "-");
  }
  return {text, closing};
}

// The status codes of all answers: "200 200 400".
inline std::string statuses(const std::string& answers) {
  std::string list;
  for (std::size_t at = 0; (at = answers.find("HTTP/1.1 ", at)) != answers.npos; ++at) {
    if (!list.empty()) list += ' ';
    list += answers.substr(at + 9, 3);
  }
  return list;
}

}  // namespace wire
