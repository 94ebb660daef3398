#pragma once
// What stands above the routes in an API document.

#include <string>

namespace aft {

struct api_info {
  std::string title = "API";
  std::string version = "1";
  std::string description{};  // Markdown
  std::string document_path = "/openapi.json";
  std::string page_path = "/docs";  // a page that shows it, without any network; empty: none
};

}  // namespace aft
