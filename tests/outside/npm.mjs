// Packages of npm, each installed into a folder of its own, once.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

// What the package exports, such as "ws@8"; where no registry can be reached, 77: skipped.
export function npmPackage(folder, wanted) {
  const name = wanted.split("@")[0];
  const place = resolve(folder, name);
  if (!existsSync(`${place}/node_modules/${name}`)) {
    try {
      mkdirSync(place, { recursive: true });
      execFileSync("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--prefix", place, wanted],
        { timeout: 60_000, stdio: ["ignore", "ignore", "pipe"] });
    } catch (e) {
      console.log(`SKIPPED: npm cannot install ${wanted}: ${e.message}`);
      process.exit(77);
    }
  }
  return createRequire(`${place}/`)(name);
}
