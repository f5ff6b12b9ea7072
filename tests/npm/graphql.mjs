// Subscribes with the clients graphql-ws or graphql-sse, as one JSON argument says.
//
// {url, transport}: on standard input are JSON lines: ["subscribe", {name, query, variables?}], ["stop", name],
// or ["stall", milliseconds] (read no more for so long). Printed are JSON lines: {event, data} with a subscription's
// name for each answer, "<name>:error" and "<name>:complete", and "connect" and "closed" with its code.
import { createInterface } from "node:readline";
import { createClient as createSse } from "graphql-sse";
import { createClient as createWs } from "graphql-ws";

const asked = JSON.parse(process.argv[2]);
const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");

const client =
  asked.transport === "sse"
    ? createSse({ url: asked.url, retryAttempts: 0 })
    : createWs({
        url: asked.url.replace("http", "ws"),
        lazy: false,
        retryAttempts: 0,
        onNonLazyError: () => {},
        on: {
          connected: () => say({ event: "connect", data: null }),
          closed: (event) => say({ event: "closed", data: { code: event.code, reason: event.reason } }),
        },
      });
if (asked.transport === "sse") say({ event: "connect", data: null });

const plain = (error) =>
  Array.isArray(error) ? error : { code: error.code ?? null, message: error.message ?? String(error) };
const stops = {};
for await (const line of createInterface({ input: process.stdin })) {
  const [what, argument] = JSON.parse(line);
  if (what === "stop") stops[argument]();
  else if (what === "stall") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, argument);
  else {
    const { name, query, variables } = argument;
    stops[name] = client.subscribe(
      { query, variables },
      {
        next: (data) => say({ event: name, data }),
        error: (error) => say({ event: `${name}:error`, data: plain(error) }),
        complete: () => say({ event: `${name}:complete`, data: null }),
      },
    );
  }
}
process.exit(0);
