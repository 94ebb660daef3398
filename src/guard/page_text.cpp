#include "page_text.hpp"

#include <fmt/format.h>

#include "../ground/html.hpp"

namespace aft::guarding {
namespace {

constexpr std::string_view account_css = R"(:root{color-scheme:light dark;
--ink:#1c1e21;--paper:#fbfbfa;--card:#fff;--line:#8a8f98;--act:#0b57d0;--on-act:#fff;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e6e7e9;--paper:#15171a;--card:#1f2226;--line:#7d838c;
--act:#a8c7fa;--on-act:#062e6f;--bad:#f2b8b5}}
*{box-sizing:border-box}
body{margin:0;font:1rem/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
main{max-width:26rem;margin:8vh auto 4rem;padding:1.5rem;background:var(--card);
border:1px solid var(--line);border-radius:.5rem}
h1{font-size:1.4rem;margin:0 0 1rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
label{display:block;margin:.75rem 0 .25rem}
input{width:100%;font:inherit;padding:.5rem;color:inherit;background:var(--paper);
border:1px solid var(--line);border-radius:.25rem}
button{font:inherit;margin-top:1rem;padding:.5rem 1rem;color:var(--on-act);background:var(--act);
border:1px solid transparent;border-radius:.25rem;cursor:pointer}
a{color:var(--act)}
:focus-visible{outline:3px solid var(--act);outline-offset:2px}
[role=alert]{color:var(--bad);border-left:4px solid;padding-left:.75rem}
input[type=checkbox]{width:auto}code{overflow-wrap:anywhere}
li{margin:.75rem 0}ul{padding-left:1.2rem}
)";

}  // namespace

std::string escaped(std::string_view text) { return detail::html_text(text); }

std::string input(const field_text& f) {
  return fmt::format(
      "<label for=\"{0}\">{1}</label><input id=\"{0}\" name=\"{0}\" type=\"{2}\" "
      "autocomplete=\"{3}\" value=\"{4}\" required>",
      f.name, f.label, f.type, f.autocomplete, escaped(f.value));
}

std::string form(std::string_view action, std::string_view content, std::string_view button) {
  return fmt::format(
      "<form method=\"post\" action=\"{}\">{}<button type=\"submit\">{}</button></form>",
      escaped(action), content, button);
}

response page(const accounts& options, std::string_view heading, std::string_view content,
              std::string_view alert, int status) {
  const auto name = escaped(options.site_name);
  auto r = html(fmt::format(
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\"><title>{0}{1}{2}</title>"
      "<link rel=\"stylesheet\" href=\"{3}/style.css\"></head><body><main><h1>{0}</h1>{4}{5}"
      "</main></body></html>\n",
      heading, name.empty() ? "" : " - ", name, escaped(options.pages),
      alert.empty() ? "" : fmt::format("<p role=\"alert\">{}</p>", escaped(alert)), content));
  r.status = status;
  // Some of their addresses hold a token.
  r.headers = {{"Referrer-Policy", "no-referrer"},
               {"Cache-Control", "no-store"},
               {"Content-Security-Policy",
                "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
                "frame-ancestors 'none'"}};
  return r;
}

std::string page_style(const accounts& options) { return std::string(account_css) + options.style; }

}  // namespace aft::guarding
