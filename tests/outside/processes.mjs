// Servers that a test starts itself.

import { spawn } from "node:child_process";

// Resolves to its url once it listens.
export async function start(program, words, options = {}) {
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "inherit"], ...options });
  process.on("exit", () => child.kill("SIGKILL"));
  let said = "";
  const url = await new Promise((resolve, reject) => {
    child.stdout.on("data", (text) => {
      said += text;
      const found = /^listening on (http:\S+)$/m.exec(said);
      if (found) resolve(found[1]);
    });
    child.on("exit", (code) => reject(new Error(`${program} ended with ${code}: ${said}`)));
  });
  return {
    url,
    stop: () => new Promise((resolve) => {
      child.removeAllListeners("exit");
      child.on("exit", resolve);
      child.kill("SIGTERM");
    }),
  };
}
