#pragma once
// The account pages, as a browser uses them.

#include <string>

#include "guarded_app.hpp"

// A form, sent as a browser sends it.
inline aft::checked_response send_form(browser& b, const std::string& target,
                                       const std::string& fields) {
  return b.send(
      {"POST",
       target,
       {{"Content-Type", "application/x-www-form-urlencoded"}, {"Sec-Fetch-Site", "same-origin"}},
       fields});
}

inline aft::checked_response log_in_by_page(browser& b) {
  return send_form(b, "/account/login", "email=ada%40example.org&password=kelp+harbor+quilt");
}

inline bool has_text(const aft::checked_response& r, const std::string& text) {
  return r.body().find(text) != std::string::npos;
}

// The first text between two others; empty where there is none.
inline std::string between(const std::string& text, const std::string& before,
                           const std::string& after) {
  const auto at = text.find(before);
  if (at == text.npos) return {};
  const auto begin = at + before.size();
  return text.substr(begin, text.find(after, begin) - begin);
}
