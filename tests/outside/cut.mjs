// Stands between a client and a server, and cuts them off from each other.

import net from "node:net";

export async function cutter(target) {
  const pairs = new Set();
  const heads = [];  // what each connection sent first
  let to = new URL(target);
  const server = net.createServer((client) => {
    const upstream = net.connect(to.port, to.hostname);
    pairs.add(client);
    client.once("data", (head) => heads.push(head.toString("latin1")));
    client.pipe(upstream).pipe(client);
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      one.on("error", () => {});
      one.on("close", () => {
        pairs.delete(client);
        other.destroy();
      });
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    heads,
    cut() {
      for (const client of pairs) client.resetAndDestroy();
    },
    lead(elsewhere) {
      to = new URL(elsewhere);
    },
    close() {
      server.close();
      this.cut();
    },
  };
}
