// pg-boss in its quickest documented shape: jobs are stored, fetched and completed by the thousand.
//   node pg_boss.mjs URL JOBS PAYLOAD
import PgBoss from "pg-boss";

const [url, jobs, payload] = process.argv.slice(2);
const count = Number(jobs);
const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
boss.on("error", (e) => console.error(e.message));
await boss.start();
await boss.createQueue("no_op");
const data = { payload: "x".repeat(Number(payload)) };
const beganAdding = process.hrtime.bigint();
for (let left = count; left > 0; left -= 1000) {
  await boss.insert(Array.from({ length: Math.min(left, 1000) }, () => ({ name: "no_op", data })));
}
const added = Number(process.hrtime.bigint() - beganAdding) / 1e9;
const began = process.hrtime.bigint();
let done = 0;
while (done < count) {
  const some = await boss.fetch("no_op", { batchSize: 1000 });
  if (!some.length) break;
  await boss.complete("no_op", some.map((job) => job.id));
  done += some.length;
}
const worked = Number(process.hrtime.bigint() - began) / 1e9;
console.log(JSON.stringify({ enqueue_batched_per_s: count / added, work_per_s: done / worked,
                             end_to_end_per_s: count / (added + worked) }));
await boss.stop({ graceful: false });
process.exit(0);
