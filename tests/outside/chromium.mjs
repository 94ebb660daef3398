// Chromium's own EventSource and WebSocket against outside_server.
//
//   node chromium.mjs URL

import { launch } from "./browser.mjs";
import { check, finish, until } from "./check.mjs";
import { cutter } from "./cut.mjs";

const [url] = process.argv.slice(2);
const browser = await launch();

// ---- events, which go on where they were cut off

const between = await cutter(url);
const listening = await browser.page();
await listening.open(between.url + "/");
await listening.run(() => {
  const source = new EventSource("/events");
  globalThis.seen = { opened: 0, numbers: [], id: "", resyncs: 0 };
  source.onopen = () => (seen.opened += 1);
  source.onmessage = (e) => {
    seen.numbers.push(Number(e.data));
    seen.id = e.lastEventId;
  };
  source.addEventListener("resync", () => (seen.resyncs += 1));
});
const seen = () => listening.run("seen");
await until("the first events", async () => (await seen()).numbers.length >= 5);
for (const time of [1, 2]) {
  between.cut();
  const before = await seen();
  await until("another connection", async () => (await seen()).opened === 1 + time);
  await until("more events", async () => (await seen()).numbers.length >= before.numbers.length + 30);
  check("it says which it saw last",
    between.heads.some((head) => head.toLowerCase().includes(`last-event-id: ${before.id}\r\n`)), true);
}
const { numbers, resyncs } = await seen();
check("none is missing, none comes twice", numbers, numbers.map((_, i) => numbers[0] + i));
check("nothing had to be fetched again", resyncs, 0);
between.close();

// ---- messages both ways

const talking = await browser.page();
await talking.open(url + "/");
const echoed = await talking.run(async () => {
  const socket = new WebSocket(location.href.replace("http", "ws"));
  socket.binaryType = "arraybuffer";
  const next = (event) => new Promise((resolve) => socket.addEventListener(event, resolve, { once: true }));
  await next("open");
  const wrong = [];
  const texts = ["", "a", "aäz€𝄞", "x".repeat(125), "x".repeat(126), "y".repeat(70_000), "z".repeat(3_000_000)];
  for (const text of texts) {
    const answer = next("message");
    socket.send(text);
    if ((await answer).data !== text) wrong.push(`text of ${text.length}`);
  }
  for (const size of [0, 1, 125, 126, 65_535, 65_536, 3_000_000]) {
    const bytes = new Uint8Array(size).map((_, i) => (i * 2_654_435_761) >>> 13);
    const answer = next("message");
    socket.send(bytes);
    const { data } = await answer;
    const back = new Uint8Array(data);
    if (back.length !== size || back.some((b, i) => b !== bytes[i])) wrong.push(`${size} bytes`);
  }
  const { extensions } = socket;
  const closed = next("close");
  socket.close(3001, "enough");
  const { code, wasClean } = await closed;
  return { wrong, packed: extensions.split(";")[0], code, wasClean };
});
check("what comes back", echoed, { wrong: [], packed: "permessage-deflate", code: 3001, wasClean: true });

await browser.close();
finish("chromium");
