// Drives a headless Chromium by the DevTools protocol, over a pipe.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

function find() {
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    try {
      return execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim();
    } catch {}
  }
  console.log("SKIPPED: there is no Chromium; cmake/setup --tests installs it");
  process.exit(77);
}

class connection {
  #calls = new Map();
  #last = 0;
  #to;
  listeners = new Set();  // called with (method, params, session)

  constructor(to, from) {
    this.#to = to;
    let rest = "";
    from.setEncoding("utf8");
    from.on("data", (text) => {
      const messages = (rest + text).split("\0");
      rest = messages.pop();
      for (const m of messages) this.#take(JSON.parse(m));
    });
  }
  #take({ id, result, error, method, params, sessionId }) {
    if (!id) return this.listeners.forEach((f) => f(method, params, sessionId));
    const { resolve, reject, call } = this.#calls.get(id);
    this.#calls.delete(id);
    if (error) reject(new Error(`${call}: ${error.message}`));
    else resolve(result);
  }
  send(method, params = {}, sessionId = undefined) {
    const id = ++this.#last;
    this.#to.write(JSON.stringify({ id, method, params, sessionId }) + "\0");
    return new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject, call: method }));
  }
}

class page {
  #to;
  #session;
  #requests = new Map();
  #ends = [];  // their answers and failures, which may come before what is told of the request

  constructor(to, session) {
    this.#to = to;
    this.#session = session;
    to.listeners.add((name, params, of) => {
      if (of !== session) return;
      const id = params.requestId;
      if (name === "Network.requestWillBeSent") this.#requests.set(id, params.request);
      // Also of what the page may not read.
      if (name === "Network.responseReceivedExtraInfo") this.#ends.push({ id, status: params.statusCode });
      if (name === "Network.loadingFailed") this.#ends.push({ id, failed: params.errorText });
    });
  }
  // { url, method } of what this page asked for, with the status it was answered with, or why it failed.
  get requests() {
    return this.#ends.filter(({ id }) => this.#requests.has(id)).map(({ id, ...end }) => {
      const { url, method } = this.#requests.get(id);
      return { url, method, ...end };
    });
  }
  send(method, params) {
    return this.#to.send(method, params, this.#session);
  }
  once(wanted) {
    return new Promise((resolve) => {
      const listener = (name, params, of) => {
        if (name !== wanted || of !== this.#session) return;
        this.#to.listeners.delete(listener);
        resolve(params);
      };
      this.#to.listeners.add(listener);
    });
  }
  async open(url) {
    const loaded = this.once("Page.loadEventFired");
    const { errorText } = await this.send("Page.navigate", { url });
    if (errorText) return errorText;
    await loaded;
    return "";
  }
  // Answers that one address itself, as if its name had led elsewhere.
  async pretend(url, html) {
    await this.send("Fetch.enable", { patterns: [{ urlPattern: url }] });
    this.#to.listeners.add((name, params, of) => {
      if (name !== "Fetch.requestPaused" || of !== this.#session) return;
      this.send("Fetch.fulfillRequest", {
        requestId: params.requestId,
        responseCode: 200,
        responseHeaders: [{ name: "Content-Type", value: "text/html" }],
        body: Buffer.from(html).toString("base64"),
      });
    });
  }
  // What an expression or a function with its arguments gives there, awaited.
  async run(what, ...given) {
    const expression = typeof what === "function" ? `(${what})(...${JSON.stringify(given)})` : what;
    const { result, exceptionDetails } = await this.send("Runtime.evaluate",
      { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }
}

// Every name below "example" is one of this machine, as an attacker's may be.
export async function launch() {
  const profile = mkdtempSync(join(tmpdir(), "aft-chromium-"));
  const child = spawn(find(), [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--remote-debugging-pipe", `--user-data-dir=${profile}`,
    "--host-resolver-rules=MAP *.example 127.0.0.1",
    // The browser's own guard of local servers, which others do not have, is not what is tested.
    "--disable-features=LocalNetworkAccessChecks,PrivateNetworkAccessChecks",
  ], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"], detached: true });
  let closing = false;
  const ended = new Promise((resolve) => child.on("exit", resolve));
  process.on("exit", () => {
    try {
      process.kill(-child.pid, "SIGKILL");  // its own children too
    } catch {}
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });
  child.on("exit", (code) => {
    if (closing) return;
    console.log(`Chromium has ended with ${code}`);
    process.exit(1);
  });
  const to = new connection(child.stdio[3], child.stdio[4]);
  return {
    async page() {
      const { targetId } = await to.send("Target.createTarget", { url: "about:blank" });
      const { sessionId } = await to.send("Target.attachToTarget", { targetId, flatten: true });
      const made = new page(to, sessionId);
      for (const domain of ["Page", "Network", "Runtime"]) await made.send(`${domain}.enable`);
      return made;
    },
    async close() {
      closing = true;
      to.send("Browser.close");
      await ended;
    },
  };
}
