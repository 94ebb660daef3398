// The tests of what leads away from a SQLite database (backups, archives, moves), with a key: by an
// SQLite that encrypts, which takes the place of the system's when a program is started.
//
//   node cipher.mjs FOLDER PROGRAMS sqlcipher|multiple_ciphers

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";

import { npmFolder } from "./npm.mjs";

const engines = {
  sqlcipher: {
    package: "@commapp/sqlcipher-amalgamation@4.5.5",
    source: "src/sqlite3.c",
    flags: ["-DSQLITE_HAS_CODEC", "-DSQLCIPHER_CRYPTO_OPENSSL"],
    libraries: ["-lcrypto"],
  },
  multiple_ciphers: {
    package: "better-sqlite3-multiple-ciphers@12.11.1",
    source: "deps/sqlite3/sqlite3.c",
    flags: ["-DSQLITE3MC_OMIT_AES_HARDWARE_SUPPORT"],
    libraries: [],
  },
};
const [folder, programs, name] = process.argv.slice(2);
const engine = engines[name];

// As Debian builds its own, as far as aft asks for it.
const flags = ["-O1", "-w", "-fPIC", "-shared", "-Wl,-soname,libsqlite3.so.0", "-DSQLITE_THREADSAFE=1",
  "-DSQLITE_TEMP_STORE=2", "-DSQLITE_ENABLE_FTS5", "-DSQLITE_ENABLE_MATH_FUNCTIONS",
  "-DSQLITE_ENABLE_COLUMN_METADATA"];

function build() {
  const place = join(folder, name);
  const library = join(place, "libsqlite3.so.0");
  if (existsSync(library)) return place;
  const source = join(npmFolder(folder, engine.package), engine.source);
  if (spawnSync("cc", ["--version"]).error) {
    console.log("SKIPPED: there is no C compiler, cc");
    process.exit(77);
  }
  mkdirSync(place, { recursive: true });
  execFileSync("cc", [...flags, ...engine.flags, source, ...engine.libraries, "-lm", "-o", `${library}.new`],
    { stdio: "inherit" });
  renameSync(`${library}.new`, library);
  return place;
}

// SQLCipher takes this as it is, without stretching it for each connection.
const key = `x'${"0123456789abcdef".repeat(4)}'`;

function run(program, words, environment = {}) {
  console.log(`-- ${program} ${words.join(" ")}`);
  const ended = spawnSync(join(programs, program), words, {
    env: { ...process.env, ...environment, AFT_TEST_KEY: key, LD_LIBRARY_PATH: place },
    stdio: "inherit",
    timeout: 600_000,
  });
  const skipped = ended.status === 77 && environment.AFT_TEST_ENGINE;
  if (skipped) console.log("SKIPPED: there is no PostgreSQL");
  else if (ended.status !== 0) process.exit(1);
}

const place = build();
const files = (...names) => [`--source-file=${names.map((n) => `*${n}_test.cpp`).join(",")}`];
run("storage_test", files("keyed", "backup", "archive", "drill", "database"));
run("archive_kill_test", ["2"]);
run("storage_test", files("keyed", "move"), { AFT_TEST_ENGINE: "postgres" });
run("move_kill_test", ["1"], { AFT_TEST_ENGINE: "postgres" });
