// Node's socket.io 4 with its Redis adapter, as its documentation sets it up: clients join a room,
// and whoever has an emitter sends to it. Argument: the Redis URL. Printed: {"port": …}, once.
const { createServer } = require("node:http");
const { createAdapter } = require("@socket.io/redis-adapter");
const { createClient } = require("redis");
const { Server } = require("socket.io");

async function main(url) {
  const published = createClient({ url });
  const subscribed = published.duplicate();
  await Promise.all([published.connect(), subscribed.connect()]);
  const http = createServer();
  const io = new Server(http, { adapter: createAdapter(published, subscribed) });
  io.on("connection", (socket) => {
    socket.on("subscribe:market", async (acknowledge) => {
      await socket.join("market");
      acknowledge({ ok: true });
    });
  });
  http.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: http.address().port })));
  process.stdin.on("end", () => process.exit(0)).resume();
}

main(process.argv[2]);
