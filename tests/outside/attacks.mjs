// Pages in Chromium that try to get at a server on this machine: what they may not do, they cannot.
//
//   node attacks.mjs SERVER
//
// SERVER is local_server. Once it has a token; once it has none, and the rules of access alone are what
// holds.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { launch } from "./browser.mjs";
import { check, finish, until } from "./check.mjs";
import { start } from "./processes.mjs";

const [program] = process.argv.slice(2);
const browser = await launch();
const folder = mkdtempSync(join(tmpdir(), "aft-attacks-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

// The attacker's own server, under whichever name.
const stolen = new Map();  // the cookies that each name of it was sent
const evil = http.createServer((request, response) => {
  const name = request.headers.host.split(":")[0];
  stolen.set(name, `${stolen.get(name) ?? ""}${request.headers.cookie ?? ""}`);
  response.setHeader("Content-Type", "text/html");
  response.end("<!doctype html><title>evil</title>");
});
await new Promise((resolve) => evil.listen(0, "127.0.0.1", resolve));
const evilPort = evil.address().port;

// Runs in the page: everything a page can do to another server. What succeeds comes back.
async function attack(base) {
  const breaches = [];
  const ask = async (what, path, options) => {
    try {
      const answer = await fetch(base + path, options);
      if (answer.ok) breaches.push(`${what}: read ${await answer.text()}`);
    } catch {}
  };
  // What came of it no page can see; its status tells.
  const send = (path, options) => fetch(base + path, { ...options, mode: "no-cors" }).catch(() => {});
  for (const credentials of ["omit", "include"]) {
    await ask(`GET, ${credentials}`, "/secret", { credentials });
    await send("/secret", { credentials });
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
      const simple = { method: "POST", body: "x=1", headers: { "Content-Type": type }, credentials };
      await ask(`POST ${type}, ${credentials}`, "/changes", simple);
      await send("/changes", simple);
    }
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      await ask(`${method} of JSON, ${credentials}`, "/changes",
        { method, body: "{}", headers: { "Content-Type": "application/json" }, credentials });
    }
  }

  for (const enctype of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
    const frame = document.createElement("iframe");
    frame.name = `f${Math.random()}`;
    document.documentElement.append(frame);
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action: base + "/changes", enctype, target: frame.name });
    document.documentElement.append(form);
    const loaded = new Promise((resolve) => (frame.onload = resolve));
    form.submit();
    await Promise.race([loaded, new Promise((resolve) => setTimeout(resolve, 2000))]);  // 204 loads nothing
  }

  await new Promise((resolve) => {
    const socket = new WebSocket(base.replace("http", "ws") + "/socket");
    socket.onopen = () => {
      breaches.push("WebSocket: open");
      socket.send("x");
      socket.close();
    };
    socket.onerror = socket.onclose = resolve;
  });
  for (const withCredentials of [false, true]) {
    await new Promise((resolve) => {
      const source = new EventSource(base + "/events", { withCredentials });
      source.onopen = source.onerror = (e) => {
        if (e.type === "open") breaches.push("EventSource: open");
        resolve(source.close());
      };
    });
  }
  for (const [kind, path] of [["script", "/secret"], ["script", "/state"], ["img", "/secret"]]) {
    await new Promise((resolve) => {
      const element = document.createElement(kind);
      element.onload = () => resolve(breaches.push(`${kind} ${path}: loaded`));
      element.onerror = resolve;
      element.src = base + path;
      document.documentElement.append(element);
    });
  }
  navigator.sendBeacon(base + "/changes?beacon", "x");  // the last: nobody says when it has come
  return breaches;
}

// What the server said to each kind of request, the beacon included.
async function answersTo(page, origin, base) {
  const ours = () => page.requests.filter((r) => r.status && r.url.startsWith(base + "/"));
  await until(`the answer to a beacon from ${origin} to ${base}`, () => ours().some((r) => r.url.endsWith("?beacon")));
  const statuses = {};
  for (const { method, status } of ours()) (statuses[method] ??= new Set()).add(status);
  return Object.fromEntries(Object.entries(statuses).map(([m, set]) => [m, [...set].sort()]));
}

async function attackFrom(origin, base, prepare = (page) => page.open(`${origin}/`)) {
  const page = await browser.page();
  check(`${origin} opens`, await prepare(page), "");
  check(`from ${origin} to ${base}`, await page.run(attack, base), []);
  return answersTo(page, origin, base);
}

// What the server says where a page goes there itself, sends a form there, or has it in a frame.
async function goFrom(origin, base) {
  const ways = {
    go: (url) => { location.href = `${url}/?go`; },
    form: (url) => {
      const form = document.createElement("form");
      Object.assign(form, { method: "post", action: `${url}/changes?form` });
      document.documentElement.append(form);
      form.submit();
    },
    frame: (url) => {
      const frame = document.createElement("iframe");
      frame.src = `${url}/?frame`;
      document.documentElement.append(frame);
    },
  };
  const answers = {};
  for (const [way, go] of Object.entries(ways)) {
    const page = await browser.page();
    check(`${origin} opens`, await page.open(`${origin}/`), "");
    await page.run(go, base).catch(() => {});  // the page may be gone before it says so
    const ours = () => page.requests.find((r) => r.url.startsWith(`${base}/`) && r.url.endsWith(`?${way}`));
    await until(`the answer to ${way} from ${origin} to ${base}`, ours);
    answers[way] = ours().status ?? ours().failed;
  }
  return answers;
}

async function attackAll(server, names, expected) {
  const { port } = new URL(server);
  const origins = [`http://evil.example:${evilPort}`, `http://127.0.0.1:${evilPort}`,
    `http://localhost:${evilPort}`, ...names.filter((n) => n.endsWith(".localhost")).map((n) => `http://${n}:${evilPort}`)];
  for (const name of names) {
    const base = `http://${name}:${port}`;
    for (const origin of origins) {
      check(`the answers to ${origin}`, await attackFrom(origin, base), expected);
    }
    check("the answers to a page of no origin",
      await attackFrom("null", base, (page) => page.open("data:text/html,<title>evil</title>")), expected);
  }
  // A name that led to the attacker's server first, and leads here now: to the browser it is one origin.
  const rebound = `http://evil.example:${port}`;
  const answers = await attackFrom(rebound, rebound, async (page) => {
    await page.pretend(`${rebound}/evil`, "<!doctype html><title>evil</title>");
    return page.open(`${rebound}/evil`);
  });
  check("the answers to a rebound name", answers,
    { GET: [421], POST: [421], PUT: [421], PATCH: [421], DELETE: [421] });
}

// A link leads to the page by one that sets the cookie.
async function arrives(what, page) {
  await until(what, () => page.run("document.title === 'ours' && document.readyState === 'complete'").catch(() => false));
}

// ---- without a token

{
  const server = await start(program, ["--open"]);
  await attackAll(server.url, ["127.0.0.1", "localhost"],
    { GET: [200], POST: [403], OPTIONS: [204] });
  check("nothing has changed", await (await fetch(`${server.url}/state`)).json(), { changes: 0, sockets: 0 });

  const frames = await browser.page();
  await frames.open(`http://evil.example:${evilPort}/`);
  await frames.run((url) => new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.onload = resolve;
    frame.src = url;
    document.documentElement.append(frame);
  }), server.url);
  check("its page in another's frame", frames.requests.filter((r) => r.failed),
    [{ url: `${server.url}/`, method: "GET", failed: "net::ERR_BLOCKED_BY_RESPONSE" }]);
  check("a clean end", await server.stop(), 0);
}

// ---- with a token, and a browser that has the program's page open

{
  const server = await start(program, [], { env: { ...process.env, XDG_RUNTIME_DIR: folder } });
  const found = JSON.parse(readFileSync(join(folder, "attacked", "server.json"), "utf8"));
  check("where it is", found.url, server.url);
  const headers = { Authorization: `Bearer ${found.token}` };
  const state = async () => (await fetch(`${found.url}/state`, { headers })).json();
  const link = await (await fetch(`${found.url}/link`, { headers })).text();
  const { host, hostname } = new URL(link);

  const own = await browser.page();
  check("the link opens", await own.open(link), "");
  await arrives("the page", own);
  check("the page", await own.run("[document.title, location.href, document.cookie]"), ["ours", `http://${host}/`, ""]);
  check("what the page may do", await own.run(async () => {
    const source = new EventSource("/events");
    const event = new Promise((resolve) => (source.onmessage = resolve));
    await new Promise((resolve) => (source.onopen = resolve));
    const posted = (await fetch("/changes", { method: "POST" })).status;
    const { data } = await event;
    source.close();
    const socket = new WebSocket(`ws://${location.host}/socket`);
    const answer = new Promise((resolve) => (socket.onmessage = resolve));
    await new Promise((resolve) => (socket.onopen = resolve));
    socket.send("hello");
    const echo = (await answer).data;
    socket.close();
    return { posted, data, echo };
  }), { posted: 204, data: "1", echo: "hello" });
  const formSent = own.once("Page.loadEventFired");
  await own.run("document.forms[0].submit(); 0").catch(() => {});
  await Promise.race([formSent, new Promise((resolve) => setTimeout(resolve, 2000))]);
  await until("its form", async () => (await state()).changes === 3);
  const again = await browser.page();
  await again.open(`http://${host}/`);
  check("the page in another tab", await again.run("document.title"), "ours");

  // The link where it was clicked: in a page of the web, of this machine, and in a file.
  const file = join(folder, "link.html");
  const anchor = async () => {
    const url = await (await fetch(`${found.url}/link`, { headers })).text();
    return `<!doctype html><title>elsewhere</title><a href="${url}">ours</a>`;
  };
  for (const from of [`http://evil.example:${evilPort}/`, `http://127.0.0.1:${evilPort}/`, `file://${file}`]) {
    const fresh = await launch();
    const other = await fresh.page();
    const html = await anchor();
    writeFileSync(file, html);
    check(`${from} opens`, await other.open(from), "");
    await other.run((text) => { document.body.innerHTML = text; }, html);
    await other.run("document.querySelector('a').click(); 0").catch(() => {});
    await arrives(`the page by a link in ${from}`, other);
    check("where it led", await other.run("location.href"), `http://${host}/`);
    await fresh.close();
  }

  const handed = await launch();
  const first = await handed.page();
  const pageFile = await (await fetch(`${found.url}/file`, { headers })).text();
  check("the page's file opens", await first.open(`file://${pageFile}`), "");
  await arrives("the page by its file", first);
  await handed.close();

  const before = await state();
  check("what it did", before, { changes: 3, sockets: 1 });

  await attackAll(server.url, ["127.0.0.1", "localhost", hostname], { GET: [401], POST: [403], OPTIONS: [401] });
  check("nothing has changed", await state(), before);
  for (const name of ["evil.example", "127.0.0.1", "localhost", hostname]) {
    const origin = `http://${name}:${evilPort}`;
    check(`where ${origin} leads`, await goFrom(origin, `http://${host}`), { go: 401, form: 403, frame: 401 });
  }
  check("nothing has changed", await state(), before);

  // Somebody at the other loopback address, which browsers try first.
  const stranger = http.createServer();
  const refused = await new Promise((resolve) => {
    stranger.on("error", (error) => resolve(error.code));
    stranger.listen(Number(new URL(server.url).port), "::1", () => resolve("listens"));
  });
  check("a stranger at ::1", ["EADDRINUSE", "EADDRNOTAVAIL", "EAFNOSUPPORT"].includes(refused), true);
  if (refused === "listens") stranger.close();

  // That name is the secret that keeps the cookie.
  check("a server under that name was sent the cookie", stolen.get(hostname).includes("aft_page="), true);
  stolen.delete(hostname);
  check("no other server was sent the cookie", [...stolen.values()].join(""), "");
  check("a clean end", await server.stop(), 0);
  check("the page's file is gone", existsSync(pageFile), false);
}

await browser.close();
evil.close();
finish("attacks");
