// Subscribes with the npm client as one JSON argument says, and prints what comes as JSON lines.
//
// {url, token?, request, ping?, from?, count, calls?}: `request` is a SubscribeRequest in the
// client's own form; `ping` is sent on the open stream; the script ends after `count` updates,
// the server's own pings not counted. `calls` are unary calls to print first.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, argument] = process.argv.slice(2);
const resolve = createRequire(pathToFileURL(`${modules}/`)).resolve;
const yellowstone = await import(pathToFileURL(resolve("@triton-one/yellowstone-grpc")));
const { SubscribeRequest } = yellowstone;
const Client = yellowstone.default.default ?? yellowstone.default;

const asked = JSON.parse(argument);
const say = (value) => process.stdout.write(JSON.stringify(value, plain) + "\n");

function plain(key, value) {
  const original = this[key];
  if (original instanceof Date) return original.getTime() / 1000;
  if (original instanceof Uint8Array) return Buffer.from(original).toString("hex");
  if (typeof value === "bigint") return value.toString();
  return value;
}

const fail = (error) => {
  say({ error: String(error?.message ?? error) });
  process.exit(0);
};

const client = new Client(asked.url, asked.token, {}, { enabled: false });
try {
  await client.connect();
  for (const [name, ...rest] of asked.calls ?? []) {
    say({ call: name, answer: await client[name](...rest) });
  }
  if (!asked.request) process.exit(0);
  const stream = await client.subscribe();
  let left = asked.count;
  stream.on("error", fail);
  stream.on("data", (update) => {
    if (update.ping !== undefined && !asked.pings) return;
    say(update);
    if (--left === 0) process.exit(0);
  });
  const write = (request) =>
    new Promise((done, failed) =>
      stream.write(SubscribeRequest.fromPartial(request), (error) =>
        error ? failed(error) : done(),
      ),
    );
  await write(asked.request);
  if (asked.ping !== undefined) await write({ ping: { id: asked.ping } });
} catch (error) {
  fail(error);
}
