// Conduit's /docs in Chromium: without a network, under its policy, tried, by keyboard, as a screen
// reader is told of it, in both themes.
//
//   node docs_page.mjs CONDUIT

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { launch } from "./browser.mjs";
import { check, finish, until } from "./check.mjs";
import { start } from "./processes.mjs";

const [conduit] = process.argv.slice(2);
const work = mkdtempSync(join(tmpdir(), "aft-docs-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));
const server = await start(conduit, ["--port", "0", "--database", join(work, "conduit.db")]);
const browser = await launch();
const page = await browser.page();
const see = (what, expression) => until(what, () => page.run(`Boolean(${expression})`));

// Its policy is kept: a violation is an event, which is told before the page's own script runs.
await page.send("Page.addScriptToEvaluateOnNewDocument",
  { source: "globalThis.violations = []; addEventListener('securitypolicyviolation', (e) => violations.push(e.violatedDirective));" });
await page.open(server.url + "/docs");
await see("the operations", `document.querySelectorAll("details.operation").length > 15`);
check("its policy is strict", await page.run(async () => {
  const policy = (await fetch("/docs")).headers.get("Content-Security-Policy");
  return ["default-src 'none'", "unsafe", "http:", "https:"].map((w) => policy.includes(w));
}), [true, false, false, false]);
check("nothing violates it", await page.run("violations"), []);
check("all comes from this server", page.requests.filter(({ url }) => !url.startsWith(server.url)), []);
check("no inline script or style", await page.run(() =>
  document.querySelectorAll("script:not([src]), style, [style], [onclick]").length), 0);

// ---- by keyboard

const press = async (key, code = key, text = undefined) => {
  for (const type of ["keyDown", "keyUp"]) {
    await page.send("Input.dispatchKeyEvent", { type, key, code: code, text: type === "keyDown" ? text : undefined,
      windowsVirtualKeyCode: { Tab: 9, Enter: 13, " ": 32 }[key] });
  }
};
await page.send("Page.bringToFront");
await press("Tab");
check("the first stop skips the list", await page.run("document.activeElement.className"), "skip");
await press("Enter", "Enter", "\r");
await see("the focus in the operations", `document.activeElement.id === "main"`);
await page.run(() => document.querySelector("details.operation summary").focus());
await press("Enter", "Enter", "\r");
await see("an operation opens", `document.querySelector("details.operation").open`);
check("where the focus is can be seen", await page.run(() => {
  const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
  return [outlineStyle, outlineWidth];
}), ["solid", "3px"]);

// ---- tried

const submit = (id, values) => page.run((of, given) => {
  const shown = document.getElementById(of);
  shown.open = true;
  for (const [name, value] of Object.entries(given)) document.getElementById(`${of} ${name}`).value = value;
  shown.querySelector("output").replaceChildren();
  shown.querySelector("form.try").requestSubmit();
}, id, values);
const answer = async (id) => {
  const expression = `document.getElementById(${JSON.stringify(id)}).querySelector("output strong")`;
  await see(`an answer of ${id}`, expression);
  return page.run(`({ status: ${expression}.textContent, text: ${expression}.closest("output").querySelector("pre").textContent })`);
};
await submit("get_api_user", {});
check("nobody is known", (await answer("get_api_user")).status, "401");
await submit("post_api_users", {});  // with the document's own example
const registered = await answer("post_api_users");
check("the example of a body is one that fits", registered.status, "201");
await page.run((token) => {
  const input = document.querySelector('input[name="login Token"]');
  input.value = `Token ${token}`;
  input.dispatchEvent(new Event("input"));
}, JSON.parse(registered.text).user.token);
await submit("get_api_user", {});
check("the log-in goes along", (await answer("get_api_user")).status, "200");
await submit("post_api_articles", {});
const article = JSON.parse((await answer("post_api_articles")).text).article;
await submit("get_api_articles_by_slug", { "path slug": article.slug });
check("a value of the path", JSON.parse((await answer("get_api_articles_by_slug")).text).article.title, article.title);
await submit("get_api_articles", { "query limit": "1", "query tag": "nothing & more" });
check("values of the query", JSON.parse((await answer("get_api_articles")).text).articlesCount, 0);
await page.open(server.url + "/docs?again#get_api_user");
await see("the operation of the address is open", `document.getElementById("get_api_user")?.open`);
await submit("get_api_user", {});
check("the log-in is kept in this tab", (await answer("get_api_user")).status, "200");
check("still nothing violates the policy", await page.run("violations"), []);

// ---- as a screen reader is told

const { nodes } = await page.send("Accessibility.getFullAXTree");
const told = nodes.filter((n) => !n.ignored).map((n) => ({ role: n.role?.value, name: n.name?.value ?? "" }));
const nameless = told.filter(({ role, name }) => ["textbox", "button", "link", "form", "navigation"].includes(role) && !name);
check("all that can be used has a name", nameless, []);
for (const role of ["navigation", "main", "heading", "form", "status"]) {
  check(`there is a ${role}`, told.some((n) => n.role === role), true);
}
check("the language is said", await page.run("document.documentElement.lang"), "en");
check("headings skip no level", await page.run(() => {
  const levels = [...document.querySelectorAll("main h1, main h2, main h3, main h4")].map((h) => Number(h.tagName[1]));
  return levels.filter((level, i) => i && level > levels[i - 1] + 1);
}), []);

// ---- light and dark, both with enough contrast (WCAG 2.1: 4.5 to 1)

const contrast = () => page.run(() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/\d+/g).map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = light(getComputedStyle(document.body).backgroundColor);
  return [...document.querySelectorAll("body, a, .soft")].map((e) => light(getComputedStyle(e).color))
    .map((ink) => (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05)).reduce((a, b) => Math.min(a, b));
});
const grounds = [];
for (const value of ["light", "dark"]) {
  await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
  grounds.push(await page.run("getComputedStyle(document.body).backgroundColor"));
  check(`${value}: the contrast is enough`, (await contrast()) >= 4.5, true);
}
check("the two themes differ", grounds[0] !== grounds[1], true);

await browser.close();
await server.stop();
finish("docs page");
