// A front end of the RealWorld API, served by conduit, in Chromium: as its users use it.
//
//   node front_end.mjs CONDUIT

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { launch } from "./browser.mjs";
import { check, finish, until } from "./check.mjs";
import { start } from "./processes.mjs";

const [conduit] = process.argv.slice(2);
const work = mkdtempSync(join(tmpdir(), "aft-front-end-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));
const server = await start(conduit, ["--port", "0", "--database", join(work, "conduit.db"),
  "--web", fileURLToPath(new URL("front_end", import.meta.url))]);
const browser = await launch();

async function visitor(url) {
  const page = await browser.page();
  await page.open(url);
  const see = (what, expression) => until(what, () => page.run(`Boolean(${expression})`));
  return {
    page, see,
    at: (path) => see(`the page ${path}`, `document.getElementById("main").dataset.path === ${JSON.stringify(path)}`),
    text: (selector) => page.run((s) => document.querySelector(s)?.textContent ?? null, selector),
    click: (selector) => page.run((s) => document.querySelector(s).click(), selector),
    fill: (form, values) => page.run((f, v) => {
      const shown = document.getElementById(f);
      for (const [name, value] of Object.entries(v)) shown.elements[name].value = value;
      shown.requestSubmit();
    }, form, values),
  };
}

// Two people, each with storage of their own: one by the address, the other by a name.
const ada = await visitor(server.url + "/register");
await ada.at("/register");  // an address of the front end's own, which no file lies at
await ada.fill("register", { username: "", email: "ada@example.org", password: "" });
await ada.see("what is wrong", `document.querySelectorAll(".error-messages li").length === 2`);
check("each mistake is told", await ada.page.run(() =>
  [...document.querySelectorAll(".error-messages li")].map((li) => li.textContent).sort()),
["password can't be blank", "username can't be blank"]);
await ada.fill("register", { username: "ada", email: "ada@example.org", password: "secret" });
await ada.at("/");
check("she is known", await ada.text("#me"), "ada");

await ada.click('a[href="/editor"]');
await ada.at("/editor");
await ada.fill("editor", { title: "How to train your dragon", description: "Ever wonder how?", body: "Very carefully.", tags: "dragons training" });
await ada.at("/article/how-to-train-your-dragon");
check("it is published", await ada.text("#body"), "Very carefully.");
await ada.see("the events have begun", `document.querySelector("#comments[data-live]")`);

const port = new URL(server.url).port;
const rui = await visitor(`http://localhost:${port}/register`);
await rui.at("/register");
await rui.fill("register", { username: "rui", email: "rui@example.org", password: "secret" });
await rui.at("/");
check("what others have published is there", [await rui.text(".title"), await rui.text("#count"), await rui.text("#tags")],
  ["How to train your dragon", "1", "dragons training"]);

await rui.click(".title");
await rui.at("/article/how-to-train-your-dragon");
await rui.click(".favorite");
await rui.see("a favorite", `document.querySelector(".favorite[aria-pressed=true]")`);
check("it is counted", await rui.text(".favorite"), "♥ 1");
await rui.click(".follow");
await rui.see("followed", `document.querySelector(".follow[aria-pressed=true]")`);
await rui.fill("comment", { body: "Well said." });
await rui.see("the comment", `document.querySelector(".comment")`);
await ada.see("the comment, without asking again", `document.querySelector(".comment")`);
check("who looks on sees it", (await ada.text(".comment")).startsWith("Well said. — rui"), true);

await rui.click('a[href="/"]');
await rui.at("/");
await rui.click("#feed");
await rui.at("/?feed");
check("the feed has whom one follows", await rui.text(".title"), "How to train your dragon");
await rui.click(".favorite");
await rui.see("no favorite", `document.querySelector(".favorite[aria-pressed=false]")`);

await rui.page.open(server.url.replace("127.0.0.1", "localhost") + "/article/how-to-train-your-dragon");
await rui.see("the article again", `document.querySelector(".comment .delete")`);
check("the session is kept", await rui.text("#me"), "rui");
await rui.click(".comment .delete");
await rui.see("no comment", `!document.querySelector(".comment")`);

await rui.click('a[href="/settings"]');
await rui.at("/settings");
await rui.fill("settings", { bio: "I like dragons.", image: "" });
await rui.at("/profile/rui");
check("the profile is changed", await rui.text("#bio"), "I like dragons.");
await rui.click('a[href="/settings"]');
await rui.at("/settings");
await rui.click("#logout");
await rui.at("/");
await rui.see("nobody", `!document.querySelector("#me")`);
await rui.page.open(`http://localhost:${port}/login`);
await rui.at("/login");
await rui.fill("login", { email: "rui@example.org", password: "wrong" });
await rui.see("the refusal", `document.querySelector(".error-messages li")`);
await rui.fill("login", { email: "rui@example.org", password: "secret" });
await rui.at("/");
check("he is known again", await rui.text("#me"), "rui");

await ada.click("#delete");
await ada.at("/");
check("it is gone", await ada.text("#count"), "0");

await browser.close();
await server.stop();
finish("front end");
