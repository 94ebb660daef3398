#include "docs_page.hpp"

namespace aft::http {
namespace {

void append_escaped(std::string& out, std::string_view text) {
  for (char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
}

}  // namespace

std::string docs_page(std::string_view title, std::string_view document, std::string_view script,
                      std::string_view style) {
  std::string page =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";
  append_escaped(page, title);
  page += "</title>\n<link rel=\"stylesheet\" href=\"";
  append_escaped(page, style);
  page += "\">\n</head>\n<body data-document=\"";
  append_escaped(page, document);
  page +=
      "\">\n<a class=\"skip\" href=\"#main\">Skip to the operations</a>\n"
      "<nav id=\"nav\" aria-label=\"Operations\"></nav>\n"
      "<main id=\"main\" tabindex=\"-1\"><p id=\"state\" role=\"status\">Loading the document…</p>"
      "<noscript><p>This page needs JavaScript; the document itself is at <a href=\"";
  append_escaped(page, document);
  page += "\">";
  append_escaped(page, document);
  page += "</a>.</p></noscript></main>\n<script src=\"";
  append_escaped(page, script);
  page += "\"></script>\n</body>\n</html>\n";
  return page;
}

std::string_view docs_style() {
  return R"css(:root {
  color-scheme: light dark;
  --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --ground: #ffffff; --raised: #f6f8fa;
  --accent: #0b5cad;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6edf3; --soft: #9aa5b1; --line: #30363d; --ground: #0d1117; --raised: #161b22;
    --accent: #6cb6ff;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; color: var(--ink); background: var(--ground);
  font: 16px/1.5 system-ui, sans-serif; display: grid;
  grid-template-columns: minmax(14rem, 20rem) minmax(0, 1fr);
}
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 1rem; background: var(--ground); padding: .5rem; z-index: 1; }
nav {
  padding: 1rem; border-right: 1px solid var(--line); height: 100vh; overflow: auto;
  position: sticky; top: 0;
}
nav h2 { font-size: .8rem; text-transform: uppercase; color: var(--soft); margin: 1rem 0 .25rem; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav a { display: block; padding: .15rem 0; text-decoration: none; overflow-wrap: anywhere; }
main { padding: 1rem 2rem 4rem; max-width: 60rem; }
main:focus { outline: none; }
code, pre { font: .9em/1.5 ui-monospace, monospace; }
pre { background: var(--raised); border: 1px solid var(--line); padding: .75rem; overflow: auto; }
.method { font: bold .75rem/1 ui-monospace, monospace; display: inline-block; min-width: 4.5em; }
details.operation { border: 1px solid var(--line); border-radius: 6px; margin: .75rem 0; }
details.operation > summary { padding: .6rem .8rem; cursor: pointer; overflow-wrap: anywhere; }
details.operation[open] > summary { border-bottom: 1px solid var(--line); }
.inside { padding: .25rem 1rem 1rem; }
.soft { color: var(--soft); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .5rem; }
tr { border-bottom: 1px solid var(--line); }
@media (max-width: 50rem) {
  body { display: block; }
  nav { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); }
  main { padding: 1rem; }
}
)css";
}

std::string_view docs_script() {
  return R"js("use strict";
(() => {
  const verbs = ["get", "post", "put", "patch", "delete", "head", "options", "query", "trace"];
  const main = document.getElementById("main");
  const nav = document.getElementById("nav");

  // Everything shown goes through textContent: a document cannot bring markup of its own.
  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
    for (const child of children.flat()) {
      if (child !== null && child !== undefined) made.append(child);
    }
    return made;
  }

  function resolve(doc, schema) {
    if (!schema || !schema.$ref) return schema;
    let at = doc;
    for (const part of schema.$ref.slice(2).split("/")) {
      at = at && at[part.replace(/~1/g, "/").replace(/~0/g, "~")];
    }
    return at;
  }

  function typeOf(schema) {
    if (!schema) return "anything";
    if (schema.$ref) return schema.$ref.split("/").pop();
    if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
    let type = [].concat(schema.type || "anything").join(" or ");
    if (schema.items) type = "array of " + typeOf(schema.items);
    else if (schema.additionalProperties) type = "map to " + typeOf(schema.additionalProperties);
    const notes = [];
    for (const word of ["format", "contentEncoding", "pattern"]) {
      if (schema[word]) notes.push(schema[word]);
    }
    if (schema.enum) notes.push("one of " + schema.enum.filter(v => v !== null).join(", "));
    for (const [word, text] of [["minLength", "at least % long"], ["maxLength", "at most % long"],
                                ["minItems", "at least % items"], ["maxItems", "at most % items"],
                                ["minimum", "from %"], ["maximum", "to %"]]) {
      if (schema[word] !== undefined) notes.push(text.replace("%", schema[word]));
    }
    return notes.length ? type + " (" + notes.join("; ") + ")" : type;
  }

  // A value that fits the schema, as an example to read.
  function example(doc, schema, depth) {
    const s = resolve(doc, schema) || {};
    if (s.example !== undefined) return s.example;
    if (s.anyOf) return example(doc, s.anyOf[0], depth);
    if (s.enum) return s.enum[0];
    const type = [].concat(s.type || [])[0];
    if (depth > 5) return null;
    if (type === "object" || s.properties) {
      const made = {};
      for (const [name, inner] of Object.entries(s.properties || {})) {
        made[name] = example(doc, inner, depth + 1);
      }
      return made;
    }
    if (type === "array") return [example(doc, s.items, depth + 1)];
    if (type === "integer" || type === "number") return s.minimum || 0;
    if (type === "boolean") return true;
    if (type === "string") {
      return { "date-time": "2026-01-31T12:00:00Z", email: "ines@example.org",
               uri: "https://example.org/" }[s.format] || "text";
    }
    return null;
  }

  function showSchema(doc, schema) {
    const resolved = resolve(doc, schema) || {};
    const parts = [];
    if (resolved.properties) {
      const rows = Object.entries(resolved.properties).map(([name, inner]) => element("tr", {},
        element("td", {}, element("code", {}, name)),
        element("td", {}, typeOf(inner),
          (resolved.required || []).includes(name) ? "" : element("span", { class: "soft" }, ", optional"),
          inner.description ? element("div", { class: "soft" }, inner.description) : null)));
      parts.push(element("table", {},
        element("thead", {}, element("tr", {}, element("th", {}, "Member"), element("th", {}, "Type"))),
        element("tbody", {}, rows)));
    } else {
      parts.push(element("p", {}, typeOf(schema)));
    }
    parts.push(element("pre", { tabindex: "0" }, JSON.stringify(example(doc, schema, 0), null, 2)));
    return parts;
  }

  function showParameters(parameters) {
    if (!parameters || !parameters.length) return [];
    return [element("h4", {}, "Parameters"), element("table", {},
      element("thead", {}, element("tr", {}, ["Name", "In", "Type"].map(t => element("th", {}, t)))),
      element("tbody", {}, parameters.map(p => element("tr", {},
        element("td", {}, element("code", {}, p.name)), element("td", {}, p.in),
        element("td", {}, typeOf(p.schema), p.required ? "" : element("span", { class: "soft" }, ", optional"))))))];
  }

  function showContent(doc, content) {
    return Object.entries(content || {}).flatMap(([type, media]) => [
      element("p", {}, element("code", {}, type)),
      ...(type.includes("problem+json") ? [] : showSchema(doc, media.schema))]);
  }

  function showOperation(doc, path, verb, operation) {
    const inside = element("div", { class: "inside" });
    if (operation.description) inside.append(element("p", {}, operation.description));
    inside.append(...showParameters(operation.parameters));
    if (operation.requestBody) {
      inside.append(element("h4", {}, "Request body"), ...showContent(doc, operation.requestBody.content));
    }
    for (const [status, answer] of Object.entries(operation.responses || {})) {
      inside.append(element("h4", {}, status + " ", element("span", { class: "soft" }, answer.description || "")),
        ...showContent(doc, answer.content));
    }
    return element("details", { class: "operation", id: operation.operationId },
      element("summary", {}, element("span", { class: "method" }, verb.toUpperCase()), " ",
        element("code", {}, path), " ", element("span", { class: "soft" }, operation.summary || "")),
      inside);
  }

  function show(doc) {
    const groups = new Map();
    for (const [path, item] of Object.entries(doc.paths)) {
      for (const verb of verbs.filter(v => item[v])) {
        const tag = (item[verb].tags || [""])[0];
        if (!groups.has(tag)) groups.set(tag, []);
        groups.get(tag).push([path, verb, item[verb]]);
      }
    }
    main.replaceChildren(element("h1", {}, doc.info.title + " ",
      element("span", { class: "soft" }, doc.info.version)));
    if (doc.info.description) main.append(element("p", {}, doc.info.description));
    main.append(element("p", {}, element("a", { href: document.body.dataset.document },
      "The OpenAPI document")));
    for (const [tag, operations] of groups) {
      if (tag) main.append(element("h2", {}, tag));
      nav.append(element("h2", {}, tag || doc.info.title), element("ul", {}, operations.map(
        ([path, verb, operation]) => element("li", {}, element("a", { href: "#" + operation.operationId },
          element("span", { class: "method" }, verb.toUpperCase()), " ", path)))));
      for (const operation of operations) main.append(showOperation(doc, ...operation));
    }
    openTarget();
  }

  function openTarget() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || target.tagName !== "DETAILS") return;
    target.open = true;
    target.scrollIntoView();
    target.querySelector("summary").focus();
  }

  addEventListener("hashchange", openTarget);
  fetch(document.body.dataset.document)
    .then(answer => answer.ok ? answer.json() : Promise.reject(new Error("status " + answer.status)))
    .then(show)
    .catch(error => {
      main.replaceChildren(element("p", { role: "alert" },
        "The document could not be loaded: " + error.message));
    });
})();
)js";
}

}  // namespace aft::http
