// Conduit's API document as tools of others see it: linters, a generator of types, TypeScript; and
// beside the document that it is to serve.
//
//   node contract.mjs FOLDER CONDUIT REALWORLD

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { check, finish } from "./check.mjs";
import { npmPrograms } from "./npm.mjs";
import { start } from "./processes.mjs";

const [folder, conduit, realWorld] = process.argv.slice(2);
const redocly = npmPrograms(folder, "@redocly/cli@2.77.0");
const spectral = npmPrograms(folder, "@stoplight/spectral-cli@6.16.3");
const typescript = npmPrograms(folder, "openapi-typescript@7.13.0", "typescript@5.9.3", "openapi-fetch@0.17.0");

const work = mkdtempSync(join(tmpdir(), "aft-contract-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));
const place = (name) => join(work, name);

// Its status; what it said is shown where it failed.
function run(what, program, ...words) {
  try {
    execFileSync(program, words, {
      cwd: work, encoding: "utf8", timeout: 120_000, stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" },
    });
    return check(what, 0, 0);
  } catch (e) {
    console.log(e.stdout, e.stderr);
    check(what, e.status ?? e.message, 0);
  }
}

const server = await start(conduit, ["--port", "0", "--database", place("conduit.db")]);
const text = await (await fetch(server.url + "/openapi.json")).text();
writeFileSync(place("openapi.json"), text);
const ours = JSON.parse(text);

// ---- linters

run("redocly finds no error", `${redocly}/redocly`, "lint", "--extends=recommended", "openapi.json");
writeFileSync(place("spectral.yaml"), "extends: spectral:oas\n");
run("spectral finds no error", `${spectral}/spectral`, "lint", "--ruleset", "spectral.yaml", "openapi.json");

// ---- a client in TypeScript, typed by the document alone

run("types are made", `${typescript}/openapi-typescript`, "openapi.json", "--output", "api.ts");
mkdirSync(place("node_modules"));
execFileSync("ln", ["-s", `${typescript}/../openapi-fetch`, `${typescript}/../openapi-typescript-helpers`,
  place("node_modules")]);
writeFileSync(place("client.ts"), readFileSync(new URL("client.ts", import.meta.url)));
writeFileSync(place("package.json"), '{"type":"module"}');
run("the types and a client compile under --strict", `${typescript}/tsc`, "--strict", "--target", "es2022",
  "--module", "nodenext", "--moduleResolution", "nodenext", "--lib", "es2022,dom,dom.iterable", "client.ts");
writeFileSync(place("wrong.ts"), 'import type { components } from "./api.js";\n' +
  'export const wrong: components["schemas"]["login"] = { email: 1, password: "x" };\n');
try {
  execFileSync(`${typescript}/tsc`, ["--strict", "--noEmit", "--module", "nodenext", "wrong.ts"],
    { cwd: work, stdio: "ignore" });
  check("a wrong call does not compile", "it does", "it does not");
} catch {}
const { publish } = await import(place("client.js"));
check("the client publishes", await publish(server.url), "typed");

// ---- the RealWorld document

function follow(doc, node) {
  while (node?.$ref) node = node.$ref.slice(2).split("/").reduce((at, part) => at[part], doc);
  return node;
}
function bodyOf(doc, holder) {
  const media = follow(doc, holder)?.content?.["application/json"];
  return media && follow(doc, media.schema);
}
// What the other document promises of an answer's or a body's members, told where ours differs.
function compare(where, doc, theirs, mine, sent) {
  const [a, b] = [follow(doc, theirs), follow(ours, mine?.anyOf ? mine.anyOf[0] : mine)];
  if (!a) return;
  if (!b) return check(where, "nothing", "a schema");
  check(`${where}: the type`, [].concat(b.type).includes(a.type), true);
  for (const [name, schema] of Object.entries(a.properties ?? {})) {
    compare(`${where}/${name}`, doc, schema, b.properties?.[name] ?? b.additionalProperties, sent);
  }
  // Null stands for what has no value, so a member of ours may be there and null.
  const needed = sent ? b.required ?? [] : a.required ?? [];
  if (b.additionalProperties) return;  // any member may be there
  const there = sent ? a.required ?? [] : Object.keys(b.properties ?? {});
  check(`${where}: required`, needed.filter((name) => !there.includes(name)), []);
  if (a.items) compare(`${where}[]`, doc, a.items, b.items, sent);
}

if (existsSync(realWorld)) {
  run("the RealWorld document is read", `${redocly}/redocly`, "bundle", realWorld, "--output", "realworld.json");
  const theirs = JSON.parse(readFileSync(place("realworld.json"), "utf8"));
  let operations = 0;
  for (const [path, item] of Object.entries(theirs.paths)) {
    for (const [verb, operation] of Object.entries(item)) {
      operations += 1;
      const where = `${verb.toUpperCase()} ${path}`;
      const mine = ours.paths["/api" + path]?.[verb];
      if (!mine) {
        check(where, "not there", "there");
        continue;
      }
      const names = (doc, list) => (list ?? []).map((p) => follow(doc, p)).filter((p) => p.in !== "header")
        .map((p) => `${p.in} ${p.name} ${p.required ?? false} ${follow(doc, p.schema).type}`).sort();
      check(`${where}: parameters`, names(ours, mine.parameters), names(theirs, operation.parameters));
      const successes = (of) => Object.keys(of.responses).filter((s) => s < "300").sort();
      check(`${where}: successes`, successes(mine), successes(operation));
      // 422 is what anything may be answered there; it stands with ours where the request can be unfit.
      const statuses = Object.keys(operation.responses).filter((s) => !mine.responses[s]);
      check(`${where}: statuses that are missing`, statuses, []);
      check(`${where}: who may ask`, (mine.security ?? []).some((s) => "Token" in s) &&
        !(mine.security ?? []).some((s) => !Object.keys(s).length), operation.security !== undefined);
      compare(`${where}: body`, theirs, bodyOf(theirs, operation.requestBody), bodyOf(ours, mine.requestBody), true);
      for (const status of successes(operation).concat("422")) {
        compare(`${where}: answer ${status}`, theirs, bodyOf(theirs, operation.responses[status]),
          bodyOf(ours, mine.responses[status]), false);
      }
    }
  }
  check("operations", operations, 19);
  const security = theirs.components.securitySchemes.Token;
  const { type, name, in: where } = ours.components.securitySchemes.Token;
  check("the token", { type, name, in: where }, { type: security.type, name: security.name, in: security.in });
} else {
  console.log("SKIPPED in part: there is no RealWorld document at", realWorld);
}

await server.stop();
finish("contract");
