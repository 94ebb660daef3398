// The npm package eventsource against outside_server.
//
//   node eventsource.mjs FOLDER SERVER URL
//
// The package is installed into FOLDER; SERVER is the program, which is started once more.

import { check, finish, until } from "./check.mjs";
import { cutter } from "./cut.mjs";
import { npmPackage } from "./npm.mjs";
import { start } from "./processes.mjs";

const [folder, program, url] = process.argv.slice(2);
const { EventSource } = npmPackage(folder, "eventsource@3");

const between = await cutter(url);
const source = new EventSource(between.url + "/events");
const numbers = [];
let opened = 0;
const resyncs = [];  // how many numbers came before each
let lastId = "";
source.onopen = () => (opened += 1);
source.onmessage = (e) => {
  numbers.push(Number(e.data));
  lastId = e.lastEventId;
};
source.addEventListener("resync", () => resyncs.push(numbers.length));

await until("the first events", () => numbers.length >= 5);
for (const time of [1, 2]) {
  const seen = numbers.length;
  const id = lastId;
  between.cut();
  await until("another connection", () => opened === 1 + time);
  await until("more events", () => numbers.length >= seen + 30);  // with those of the meantime
  check("it says which it saw last", between.heads.at(-1).toLowerCase().includes(`last-event-id: ${id}`), true);
}
check("none is missing, none comes twice", numbers, numbers.map((_, i) => numbers[0] + i));
check("nothing had to be fetched again", resyncs, []);

// Another server does not know what the first one told, and says so.
const other = await start(program, ["--port", "0"]);
between.lead(other.url);
between.cut();
await until("the word to fetch everything again", () => resyncs.length === 1);
const [seen] = resyncs;
await until("events of the other server", () => numbers.length >= seen + 5);
check("they begin where the other server is", numbers[seen] < numbers[seen - 1], true);

source.close();
between.close();
check("a clean end", await other.stop(), 0);
finish("eventsource");
