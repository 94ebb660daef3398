#pragma once
// The look of the account pages: plain HTML and CSS, no scripts.

#include <string>
#include <string_view>

#include <aft/guard/accounts.hpp>
#include <aft/http/message.hpp>

namespace aft::guarding {

std::string escaped(std::string_view text);  // for HTML, in attributes too

struct field_text {
  std::string_view name, label, type, autocomplete;
  std::string value{};
};

// A labelled input of a form.
std::string input(const field_text& f);

// A form that posts to `action`; `content` is HTML, `button` is text.
std::string form(std::string_view action, std::string_view content, std::string_view button);

// A whole page with a heading; `alert`, if not empty, is read out first.
response page(const accounts& options, std::string_view heading, std::string_view content,
              std::string_view alert = {}, int status = 200);

std::string page_style(const accounts& options);

}  // namespace aft::guarding
