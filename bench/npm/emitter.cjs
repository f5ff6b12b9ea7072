// Sends trades to the room by way of Redis, evenly, as its documentation shows for other processes.
//
// Arguments: the Redis URL, a file of JSON bodies, a line each. Read are JSON lines {first, count,
// per_second}; printed is {sent: [milliseconds since the epoch, of each]}.
const { readFileSync } = require("node:fs");
const { createInterface } = require("node:readline");
const { performance } = require("node:perf_hooks");
const { Emitter } = require("@socket.io/redis-emitter");
const { createClient } = require("redis");

const TICK_MS = 10;
const now = () => performance.timeOrigin + performance.now();

async function main(url, file) {
  const client = createClient({ url });
  await client.connect();
  const emitter = new Emitter(client);
  const bodies = readFileSync(file, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));
  for await (const line of createInterface({ input: process.stdin })) {
    const { first, count, per_second } = JSON.parse(line);
    const sent = [];
    const began = now();
    while (sent.length < count) {
      const due = Math.min(count, Math.ceil(((now() - began) / 1000) * per_second));
      while (sent.length < due) {
        emitter.to("market").emit("market:trade", bodies[first + sent.length]);
        sent.push(now());
      }
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
    console.log(JSON.stringify({ sent }));
  }
  process.exit(0);
}

main(process.argv[2], process.argv[3]);
