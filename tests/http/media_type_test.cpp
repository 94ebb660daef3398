#include "http/media_type.hpp"

#include <doctest/doctest.h>

TEST_CASE("a file's type is told by its name") {
  struct {
    const char* name;
    const char* type;
  } const table[] = {
      {"index.html", "text/html; charset=utf-8"},
      {"INDEX.HTM", "text/html; charset=utf-8"},
      {"app.min.js", "text/javascript; charset=utf-8"},
      {"module.mjs", "text/javascript; charset=utf-8"},
      {"site.css", "text/css; charset=utf-8"},
      {"data.json", "application/json"},
      {"app.js.map", "application/json"},
      {"logo.svg", "image/svg+xml"},
      {"photo.JPG", "image/jpeg"},
      {"favicon.ico", "image/x-icon"},
      {"font.woff2", "font/woff2"},
      {"site.webmanifest", "application/manifest+json"},
      {"backup.tar.gz", "application/gzip"},
      {"first.7z", "application/x-7z-compressed"},
      {"last.zst", "application/zstd"},
      {"README", "application/octet-stream"},
      {"", "application/octet-stream"},
      {".", "application/octet-stream"},
      {"html", "application/octet-stream"},
      {"page.", "application/octet-stream"},
      {"page.htmlx", "application/octet-stream"},
      {"v1.2/page", "application/octet-stream"},
      {"page.an_extension_that_nobody_knows", "application/octet-stream"},
  };
  for (const auto& row : table) {
    CAPTURE(row.name);
    CHECK(aft::http::media_type_of(row.name) == row.type);
  }
}

TEST_CASE("text shrinks, and what is compressed does not") {
  for (const char* type :
       {"text/html", "text/html; charset=utf-8", "TEXT/PLAIN", "application/json",
        "application/problem+json", "application/openapi+json; version=3.1", "image/svg+xml",
        "application/xml ;x", "application/wasm", "font/ttf", "image/x-icon"}) {
    CAPTURE(type);
    CHECK(aft::http::is_compressible(type));
  }
  for (const char* type :
       {"", "text", "image/png", "image/jpeg", "video/mp4", "font/woff2", "application/zip",
        "application/octet-stream", "application/pdf", "application/jsonx", "x/y; a=+json"}) {
    CAPTURE(type);
    CHECK(!aft::http::is_compressible(type));
  }
}
