#include <memory>
#include <mutex>

#include <aft/ground/error.hpp>

#include "docs_page.hpp"
#include "openapi.hpp"

namespace aft::http {
namespace {

// Written on first use, when all routes are known.
class written_document {
 public:
  written_document(const route_list& list, const api_info& info) : list_(list), info_(info) {}
  const std::string& text() const {
    std::call_once(once_, [this] { text_ = write_openapi(list_, info_); });
    return text_;
  }

 private:
  const route_list& list_;
  const api_info& info_;
  mutable std::once_flag once_;
  mutable std::string text_;
};

response page_part(std::string_view body, std::string_view type) {
  // Nothing but what this server gives itself; the page holds no inline script or style.
  return {200,
          std::string(body),
          std::string(type),
          {{"Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
           {"Referrer-Policy", "no-referrer"},
           {"Cache-Control", "no-cache"}}};
}

}  // namespace

// The paths are the host's own and known only at run time, so they are registered by hand.
void add_document_routes(routes& where, const route_list& list, const api_info& info) {
  const auto document = std::make_shared<written_document>(list, info);  // shared by two handlers
  const auto at = [&where](const std::string& path) {
    if (path.size() < 2 || path.front() != '/') {
      throw configuration_error("the path \"" + path +
                                "\" of the API document must look like \"/docs\"");
    }
    return where.group(path);
  };
  at(info.document_path)
      .get("/",
           [document] {
             return response{
                 200, document->text(), "application/json", {{"Cache-Control", "no-cache"}}};
           })
      .hidden();
  if (info.page_path.empty()) return;

  auto page = at(info.page_path);
  page.get("/",
           [title = info.title, path = info.document_path, base = info.page_path] {
             return page_part(docs_page(title, path, base + "/docs.js", base + "/docs.css"),
                              "text/html; charset=utf-8");
           })
      .hidden();
  page.get("/docs.js", [] { return page_part(docs_script(), "text/javascript; charset=utf-8"); })
      .hidden();
  page.get("/docs.css", [] { return page_part(docs_style(), "text/css; charset=utf-8"); }).hidden();
}

}  // namespace aft::http
