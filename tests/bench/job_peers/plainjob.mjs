// plainjob in its documented loop: jobs are added, then one worker works them off in this process.
//   node plainjob.mjs FILE JOBS PAYLOAD [full]     by default it sets synchronous NORMAL itself
import Database from "better-sqlite3";
import { better, defineQueue, defineWorker } from "plainjob";

const [file, jobs, payload, full] = process.argv.slice(2);
const logger = { error: console.error, warn() {}, info() {}, debug() {} };
const database = new Database(file);
const queue = defineQueue({ connection: better(database), logger });
if (full === "full") database.pragma("synchronous = FULL");
const data = { payload: "x".repeat(Number(payload)) };
const count = Number(jobs);

const beganAdding = process.hrtime.bigint();
for (let i = 0; i < count; ++i) queue.add("no_op", data);
const added = Number(process.hrtime.bigint() - beganAdding) / 1e9;

let done = 0;
const began = process.hrtime.bigint();
await new Promise((resolve) => {
  const worker = defineWorker("no_op", async () => {}, {
    queue,
    logger,
    onCompleted: () => {
      if (++done === count) worker.stop().then(resolve);
    },
  });
  worker.start();
});
const worked = Number(process.hrtime.bigint() - began) / 1e9;
queue.close();
console.log(JSON.stringify({
  enqueue_one_per_s: count / added,
  work_per_s: count / worked,
  end_to_end_per_s: count / (added + worked),
}));
