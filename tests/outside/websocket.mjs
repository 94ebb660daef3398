// The npm package ws against outside_server.
//
//   node websocket.mjs FOLDER URL
//
// The package is installed into FOLDER.

import { randomBytes } from "node:crypto";

import { check, finish } from "./check.mjs";
import { npmPackage } from "./npm.mjs";

const [folder, url] = process.argv.slice(2);
const { WebSocket } = npmPackage(folder, "ws@8");
const address = url.replace("http", "ws") + "/";

const once = (socket, event) => new Promise((resolve) => socket.once(event, (...all) => resolve(all)));

async function open(options) {
  const socket = new WebSocket(address, { maxPayload: 64 * 1024 * 1024, ...options });
  socket.on("error", () => {});
  await once(socket, "open");
  return socket;
}

async function echo(socket, message, options) {
  const answer = once(socket, "message");
  socket.send(message, options);
  const [data, isBinary] = await answer;
  return [data, isBinary];
}

async function comesBack(what, socket, message) {
  const [data, isBinary] = await echo(socket, message);
  check(`${what}: its kind`, isBinary, typeof message !== "string");
  check(what, Buffer.compare(data, Buffer.from(message)), 0);
}

async function close(socket, code = 1000, reason = "") {
  const closed = once(socket, "close");
  socket.close(code, reason);
  return (await closed)[0];
}

const packings = {
  "as it is": false,
  packed: true,
  "packed, forgetting": { clientNoContextTakeover: true, serverNoContextTakeover: true },
  "packed, small windows": { clientMaxWindowBits: 9, serverMaxWindowBits: 9 },
  "packed, one window of its own choice": { clientMaxWindowBits: undefined, serverMaxWindowBits: 10 },
};
for (const [name, perMessageDeflate] of Object.entries(packings)) {
  const socket = await open({ perMessageDeflate });
  check(`${name}: agreed`, socket.extensions.includes("permessage-deflate"), perMessageDeflate !== false);
  for (const size of [0, 1, 125, 126, 127, 128, 4096, 65535, 65536, 1_000_000]) {
    await comesBack(`${name}: text of ${size}`, socket, "aäz".repeat(size / 4 + 1).slice(0, size));
    await comesBack(`${name}: random bytes, ${size}`, socket, randomBytes(size));
    await comesBack(`${name}: zeros, ${size}`, socket, Buffer.alloc(size));
  }
  await comesBack(`${name}: 16 MiB`, socket, randomBytes(16 * 1024 * 1024 - 1024));

  const whole = once(socket, "message");
  socket.send("in ", { fin: false });
  socket.ping("between");
  socket.send("three ", { fin: false });
  socket.send("parts", { fin: true });
  check(`${name}: in parts`, (await whole)[0].toString(), "in three parts");

  const pong = once(socket, "pong");
  socket.ping("there?");
  check(`${name}: pong`, (await pong)[0].toString(), "there?");

  const many = Array.from({ length: 500 }, (_, i) => `${i} `.repeat(i));
  const answers = [];
  const all = new Promise((resolve) => socket.on("message", (data) => {
    answers.push(data.toString());
    if (answers.length === many.length) resolve();
  }));
  for (const m of many) socket.send(m);
  await all;
  check(`${name}: many in order`, answers, many);
  check(`${name}: closed`, await close(socket, 3001, "enough"), 3001);
}

for (const perMessageDeflate of [false, true]) {
  const socket = await open({ perMessageDeflate });
  const closed = once(socket, "close");
  socket.send(Buffer.alloc(17 * 1024 * 1024));
  check("too large", (await closed)[0], 1009);
}

const sockets = await Promise.all(Array.from({ length: 200 }, () => open()));
const answers = await Promise.all(sockets.map((s, i) => echo(s, String(i))));
check("many at once", answers.map(([data]) => data.toString()), sockets.map((_, i) => String(i)));
check("all closed", new Set(await Promise.all(sockets.map((s) => close(s)))).size, 1);

const refused = new WebSocket(address, { origin: "http://evil.example" });
refused.on("error", () => {});
check("a foreign page", (await once(refused, "unexpected-response"))[1].statusCode, 403);
const old = new WebSocket(address, { protocolVersion: 8 });
old.on("error", () => {});
const answer = (await once(old, "unexpected-response"))[1];
check("an old version", [answer.statusCode, answer.headers["sec-websocket-version"]], [426, "13"]);

check("it still answers", await (await fetch(url)).text(), "OK");
finish("ws");
