// Node's fetch against outside_server.

import { check, finish } from "./check.mjs";

const url = process.argv[2];

for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
  const answer = await fetch(url, { method });
  check(method, [answer.status, await answer.text()], [200, "OK"]);
}
check("a body", await (await fetch(url, { method: "POST", body: "ä".repeat(100_000) })).text(),
  "ä".repeat(100_000));

const stream = new ReadableStream({
  start(controller) {
    for (const part of ["a", "bc", "d".repeat(100_000)]) controller.enqueue(new TextEncoder().encode(part));
    controller.close();
  },
});
check("a streamed body", await (await fetch(url, { method: "POST", body: stream, duplex: "half" })).text(),
  "abc" + "d".repeat(100_000));

const json = (body) => fetch(url + "/json",
  { method: "POST", body, headers: { "Content-Type": "application/json" } });
check("JSON", await (await json('{"a":[1,null]}')).json(), { a: [1, null] });
const refused = await json("{");
check("no JSON", [refused.status, refused.headers.get("content-type"), (await refused.json()).status],
  [400, "application/problem+json", 400]);

const lines = await (await fetch(url + "/echo", { headers: { "X-One": "1" } })).text();
check("headers come back", /^x-one: 1$/im.test(lines), true);
check("no such path", (await fetch(url + "/nowhere")).status, 404);

const many = await Promise.all(Array.from({ length: 200 }, (_, i) =>
  fetch(url, { method: "POST", body: String(i) }).then((a) => a.text())));
check("many at once", many, Array.from({ length: 200 }, (_, i) => String(i)));

finish("fetch");
