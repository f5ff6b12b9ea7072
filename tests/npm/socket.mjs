// Connects with the official Socket.IO client, as one JSON argument says, and does what it reads.
//
// {url, transports?}: on standard input are JSON lines [event, argument?], emitted with an
// acknowledgement, or "disconnect", "connect" or "stall" (read no more for as many milliseconds).
// Printed are JSON lines: {event, data} for what arrives, {ack, data} for acknowledgements.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const asked = JSON.parse(process.argv[2]);
const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");

const socket = io(asked.url, {
  transports: asked.transports ?? ["polling", "websocket"],
  reconnection: false,
});
socket.on("connect", () => say({ event: "connect", data: null }));
socket.on("disconnect", (reason) => say({ event: "disconnect", data: reason }));
socket.on("connect_error", (error) => say({ event: "connect_error", data: error.message }));
socket.io.engine.on("upgrade", (transport) => say({ event: "upgrade", data: transport.name }));
socket.onAny((event, data) => say({ event, data }));

for await (const line of createInterface({ input: process.stdin })) {
  const [event, argument] = JSON.parse(line);
  if (event === "disconnect") socket.disconnect();
  else if (event === "connect") socket.connect();
  else if (event === "stall") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, argument);
  else socket.emit(event, argument, (data) => say({ ack: event, data }));
}
process.exit(0);
