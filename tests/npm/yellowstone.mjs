// Subscribes with the npm client as one JSON argument says, and prints what comes as JSON lines.
//
// {url, token?, request?, ping?, count?, pings?, calls?}: `request` is a SubscribeRequest in the
// client's own form; `ping` is sent on the open stream; the script ends after `count` updates, the
// server's pings counted only with `pings`. `calls` are unary calls, printed first.
import * as yellowstone from "@triton-one/yellowstone-grpc";

const { SubscribeRequest } = yellowstone;
const Client = yellowstone.default.default ?? yellowstone.default;

const asked = JSON.parse(process.argv[2]);
const say = (value) => process.stdout.write(JSON.stringify(value, plain) + "\n");

function plain(key, value) {
  const original = this[key];
  if (original instanceof Date) return original.getTime() / 1000;
  if (original instanceof Uint8Array) return Buffer.from(original).toString("hex");
  if (typeof value === "bigint") return value.toString();
  return value;
}

const fail = (error) => {
  const causes = [];
  for (let cause = error; cause; cause = cause.cause) causes.push(String(cause.message ?? cause));
  say({ error: causes.join(": ") });
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
