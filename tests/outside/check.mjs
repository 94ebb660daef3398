// What a test found.

// So that what a test has begun ends with it.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

let failures = 0;

export function check(what, got, wanted) {
  if (JSON.stringify(got) === JSON.stringify(wanted)) return;
  failures += 1;
  console.log(`${what}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`);
}

export function finish(name) {
  console.log(`${name}:`, failures ? "failed" : "all well");
  process.exit(failures ? 1 : 0);
}

// Asks until it is true.
export async function until(what, question, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  while (!(await question())) {
    if (Date.now() > end) {
      check(`${what}, within ${seconds} s`, false, true);
      return finish("gave up");
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
