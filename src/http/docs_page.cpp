#include "docs_page.hpp"

#include "../ground/html.hpp"

namespace aft::http {

std::string docs_page(std::string_view title, std::string_view document, std::string_view script,
                      std::string_view style) {
  std::string page =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";
  detail::append_html(page, title);
  page += "</title>\n<link rel=\"stylesheet\" href=\"";
  detail::append_html(page, style);
  page += "\">\n</head>\n<body data-document=\"";
  detail::append_html(page, document);
  page +=
      "\">\n<a class=\"skip\" href=\"#main\">Skip to the operations</a>\n"
      "<nav id=\"nav\" aria-label=\"Operations\"></nav>\n"
      "<main id=\"main\" tabindex=\"-1\"><p id=\"state\" role=\"status\">Loading the document…</p>"
      "<noscript><p>This page needs JavaScript; the document itself is at <a href=\"";
  detail::append_html(page, document);
  page += "\">";
  detail::append_html(page, document);
  page += "</a>.</p></noscript></main>\n<script src=\"";
  detail::append_html(page, script);
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
summary h3 { display: inline; font: inherit; }
.inside { padding: .25rem 1rem 1rem; }
.soft { color: var(--soft); }
form.try { border-top: 1px solid var(--line); margin-top: 1rem; padding-top: .5rem; }
form.try label, .login label { display: block; margin: .5rem 0; }
form.try input, form.try textarea, .login input {
  display: block; width: 100%; font: inherit; color: inherit; background: var(--raised);
  border: 1px solid var(--soft); border-radius: 4px; padding: .35rem .5rem;
}
form.try textarea { font: .9em/1.5 ui-monospace, monospace; min-height: 9rem; }
button {
  font: inherit; color: var(--ground); background: var(--accent); border: 0; border-radius: 4px;
  padding: .4rem 1rem; cursor: pointer;
}
output { display: block; }
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
    if (s.examples) return s.examples[0];
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

  function showSchema(doc, schema, given) {
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
    parts.push(element("pre", { tabindex: "0" }, JSON.stringify(given === undefined ? example(doc, schema, 0) : given, null, 2)));
    return parts;
  }

  function showParameters(parameters) {
    if (!parameters || !parameters.length) return [];
    return [element("h4", {}, "Parameters"), element("table", {},
      element("thead", {}, element("tr", {}, ["Name", "In", "Type"].map(t => element("th", {}, t)))),
      element("tbody", {}, parameters.map(p => element("tr", {},
        element("td", {}, element("code", {}, p.name)), element("td", {}, p.in),
        element("td", {}, typeOf(p.schema), p.required ? "" : element("span", { class: "soft" }, ", optional"),
          p.description ? element("div", { class: "soft" }, p.description) : null)))))];
  }

  function showContent(doc, content) {
    return Object.entries(content || {}).flatMap(([type, media]) => [
      element("p", {}, element("code", {}, type)),
      ...(type.includes("problem+json") ? [] : showSchema(doc, media.schema, media.example))]);
  }

  // What shows who asks, by the name of its scheme; for this tab, until it is closed. Cookies of
  // this server go along by themselves.
  const login = {
    get: name => sessionStorage.getItem("aft-docs " + name) || "",
    set: (name, value) => sessionStorage.setItem("aft-docs " + name, value),
  };

  function showLogin(doc) {
    const schemes = Object.entries((doc.components || {}).securitySchemes || {})
      .filter(([, s]) => s.in !== "cookie" && s.type !== "openIdConnect");
    if (!schemes.length) return null;
    const area = element("section", { class: "login", "aria-label": "Log-in" }, element("h2", {}, "Log-in"));
    for (const [name, scheme] of schemes) {
      const input = element("input", { type: "password", autocomplete: "off", name: "login " + name });
      input.value = login.get(name);
      input.addEventListener("input", () => login.set(name, input.value));
      area.append(element("label", {}, name + ": ", element("span", { class: "soft" },
        scheme.description || (scheme.scheme === "basic" ? "user:password" : "the token")), input));
    }
    return area;
  }

  function addLogin(doc, operation, headers, query) {
    for (const way of operation.security || doc.security || []) {
      for (const name of Object.keys(way)) {
        const scheme = doc.components.securitySchemes[name];
        const value = login.get(name);
        if (!value) continue;
        if (scheme.type === "http") {
          headers.Authorization = scheme.scheme === "basic" ? "Basic " + btoa(value) : "Bearer " + value;
        } else if (scheme.in === "header") headers[scheme.name] = value;
        else if (scheme.in === "query") query.append(scheme.name, value);
      }
    }
  }

  function field(id, name, note, control) {
    control.id = id;
    return element("label", { for: id }, element("code", {}, name), " ",
      element("span", { class: "soft" }, note), control);
  }

  function showTry(doc, path, verb, operation) {
    const form = element("form", { class: "try", "aria-label": "Try " + operation.operationId }, element("h4", {}, "Try it"));
    const inputs = (operation.parameters || []).filter(p => p.in !== "cookie").map(p => {
      const input = element("input", p.required ? { required: "" } : {});
      if (p.in === "path") input.value = String(example(doc, p.schema, 0));
      form.append(field(operation.operationId + " " + p.in + " " + p.name, p.name, p.in, input));
      return [p, input];
    });
    const [type, media] = Object.entries((operation.requestBody || {}).content || {})[0] || [];
    const body = type && element("textarea", { spellcheck: "false" });
    if (body) {
      if (type === "application/json") {
        body.value = JSON.stringify(media.example === undefined ? example(doc, media.schema, 0) : media.example, null, 2);
      }
      form.append(field(operation.operationId + " body", "body", type, body));
    }
    const answer = element("output", { role: "status", "aria-label": "Answer" });
    form.append(element("button", {}, "Send " + verb.toUpperCase()), answer);
    form.addEventListener("submit", event => {
      event.preventDefault();
      send(doc, path, verb, operation, inputs, body && { type, text: body.value }, answer);
    });
    return form;
  }

  async function send(doc, path, verb, operation, inputs, body, answer) {
    const headers = {};
    const query = new URLSearchParams();
    let target = path;
    for (const [p, input] of inputs) {
      if (!input.value && !p.required) continue;
      if (p.in === "path") target = target.replace("{" + p.name + "}", encodeURIComponent(input.value));
      else if (p.in === "query") query.append(p.name, input.value);
      else headers[p.name] = input.value;
    }
    addLogin(doc, operation, headers, query);
    if (body && body.type !== "*/*") headers["Content-Type"] = body.type;
    answer.replaceChildren("Sending…");
    try {
      const given = await fetch(target + (query.size ? "?" + query : ""),
        { method: verb.toUpperCase(), headers, body: body ? body.text : undefined });
      if ((given.headers.get("Content-Type") || "").startsWith("text/event-stream")) {
        given.body.cancel();
        return answer.replaceChildren(element("p", {}, given.status + ": events, as they happen"));
      }
      let text = await given.text();
      try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* as it is */ }
      answer.replaceChildren(element("p", {}, element("strong", {}, String(given.status)), " " + given.statusText),
        element("pre", { tabindex: "0" }, text));
    } catch (error) {
      answer.replaceChildren(element("p", {}, "No answer: " + error.message));
    }
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
    inside.append(showTry(doc, path, verb, operation));
    return element("details", { class: "operation", id: operation.operationId },
      element("summary", {}, element("h3", {}, element("span", { class: "method" }, verb.toUpperCase()), " ",
        element("code", {}, path), " ", element("span", { class: "soft" }, operation.summary || ""))),
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
    const area = showLogin(doc);
    if (area) main.append(area);
    const about = new Map((doc.tags || []).map(t => [t.name, t.description]));
    for (const [tag, operations] of groups) {
      if (tag) main.append(element("h2", {}, tag));
      if (about.get(tag)) main.append(element("p", { class: "soft" }, about.get(tag)));
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
