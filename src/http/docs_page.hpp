#pragma once
// The page that shows an API document. It asks nobody but its own server.

#include <string>
#include <string_view>

namespace aft::http {

// An HTML page that loads the document and the two below by their addresses.
std::string docs_page(std::string_view title, std::string_view document, std::string_view script,
                      std::string_view style);

std::string_view docs_script();
std::string_view docs_style();

}  // namespace aft::http
