#pragma once
// Who may call: under which names, and from the pages of which origins.

#include <string>
#include <vector>

#include <aft/ground/time.hpp>

namespace aft {

// Every web page that somebody looks at can send requests to a server on the same machine or in the
// same network. So a request must call the server by an IP address, by localhost, or by one of
// `hosts`; else it is answered with 421, and a page that lets its own name point to 127.0.0.1 stays
// outside. What changes something (any method but GET, HEAD, OPTIONS and QUERY) and comes from a
// page must come from a page of this server or of `origins`; else it is answered with 403. Programs
// that are no browsers send no Origin, and are not concerned.
struct access_options {
  std::vector<std::string> hosts{};  // "api.example.org", "*.example.org"; "*": any
  std::vector<std::string>
      origins{};  // "https://app.example.org"; "*": any, without credentials or cookies

  // What pages of `origins` may do beyond (CORS).
  bool credentials = false;  // send cookies
  std::vector<std::string> request_headers = {"Authorization",
                                              "Content-Type"};  // that they may send
  std::vector<std::string> response_headers{};                  // that they may read
  duration preflight_age = minutes(10);  // how long a browser need not ask again
};

// Headers of HTML pages. To change one, set it here for all pages, or in a handler's response for
// its own; what is empty here is not sent. Other answers need none of them. All of them have
// X-Content-Type-Options: nosniff, so that no browser takes data for a page or a script.
struct page_options {
  // What is loaded and run comes from this server alone, so that text somebody smuggles into a page
  // is no program. A page that needs more names it: "script-src 'self' https://cdn.example.org".
  std::string content_security_policy =
      "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
      "object-src 'none'";
  // Paths may hold what other sites need not know. "strict-origin": they learn our name.
  std::string referrer_policy = "same-origin";
  // No page that opened ours keeps a hold on it. "same-origin-allow-popups": for log-in windows.
  std::string cross_origin_opener_policy = "same-origin";
  // In another page's frame, users click on what they do not see; this is what old browsers know
  // of frame-ancestors. "SAMEORIGIN": in our own frames.
  std::string frame_options = "DENY";
};

}  // namespace aft
