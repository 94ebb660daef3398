// Packages of npm, each installed into a folder of its own, once.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

// Installs packages such as "ws@8" into a folder named after the first; where no registry can be
// reached, 77: skipped.
function install(folder, wanted) {
  const name = wanted[0].slice(0, wanted[0].lastIndexOf("@"));
  const place = resolve(folder, name.replace("/", "-"));
  if (!existsSync(`${place}/node_modules/${name}`)) {
    try {
      mkdirSync(place, { recursive: true });
      execFileSync("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", place,
        ...wanted], { timeout: 150_000, stdio: ["ignore", "ignore", "pipe"] });
    } catch (e) {
      console.log(`SKIPPED: npm cannot install ${wanted}: ${e.message}`);
      process.exit(77);
    }
  }
  return { name, place };
}

// What the package exports.
export function npmPackage(folder, wanted) {
  const { name, place } = install(folder, [wanted]);
  return createRequire(`${place}/`)(name);
}

// The folder of the package's own files.
export function npmFolder(folder, wanted) {
  const { name, place } = install(folder, [wanted]);
  return `${place}/node_modules/${name}`;
}

// The folder with the programs of packages that are installed together.
export function npmPrograms(folder, ...wanted) {
  return `${install(folder, wanted).place}/node_modules/.bin`;
}
