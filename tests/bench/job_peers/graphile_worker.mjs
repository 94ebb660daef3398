// graphile-worker at its documented best: a local queue, batched completion, concurrency 24. Says
// "ready" once it is connected, and begins with the first line of its input.
//   node graphile_worker.mjs URL add JOBS PAYLOAD
//   node graphile_worker.mjs URL work
import { makeWorkerUtils, runMigrations, runOnce, Logger } from "graphile-worker";
import pg from "pg";

const [url, what, jobs, payload] = process.argv.slice(2);
const logger = new Logger(() => (level, message) => {
  if (level === "error") console.error(message);
});
if (what === "add") {
  await runMigrations({ connectionString: url, logger });
  const utils = await makeWorkerUtils({ connectionString: url, logger });
  const data = { payload: "x".repeat(Number(payload)) };
  const began = process.hrtime.bigint();
  for (let left = Number(jobs); left > 0; left -= 1000) {
    const some = Array.from({ length: Math.min(left, 1000) },
                            () => ({ identifier: "no_op", payload: data }));
    await utils.addJobs(some);
  }
  const added = Number(process.hrtime.bigint() - began) / 1e9;
  console.log(JSON.stringify({ enqueue_batched_per_s: Number(jobs) / added }));
  await utils.release();
} else {
  const pgPool = new pg.Pool({ connectionString: url, max: 30 });
  pgPool.on("error", () => {});
  await pgPool.query("select 1");
  console.log("ready");
  await new Promise((resolve) => process.stdin.once("data", resolve));
  const began = process.hrtime.bigint();
  await runOnce({
    pgPool,
    logger,
    taskList: { no_op: async () => {} },
    noHandleSignals: true,
    preset: {
      worker: {
        concurrentJobs: 24,
        maxPoolSize: 30,
        localQueue: { size: 500 },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      },
    },
  });
  console.log(JSON.stringify({ seconds: Number(process.hrtime.bigint() - began) / 1e9 }));
  await pgPool.end();
  process.exit(0);
}
