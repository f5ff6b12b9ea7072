// Asks an HTTP server as fast as it answers; driven by JSON lines on stdin, one answer a line.
"use strict";

const autocannon = require("autocannon");
const readline = require("node:readline");

function at(sorted, share) {
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] : null;
}

// {url, paths, connections, duration}: each connection asks for the paths in turn, all the time.
function load({ url, paths, connections, duration }) {
  return new Promise((resolve, reject) => {
    const waited = [];
    let refused = 0;
    let begun = 0;
    // Connections begin at different paths, so that no two ask for the same at once.
    const setupClient = (client) => {
      // Nobody looks at contents, and reading them as text takes longer than they take to answer.
      client.pipelinedRequests.addBody = () => {};
      const first = Math.floor((begun++ * paths.length) / connections);
      const turned = [...paths.slice(first), ...paths.slice(0, first)];
      const headers = { "accept-encoding": "gzip" }; // as browsers and most libraries say
      client.setRequests(turned.map((path) => ({ path, headers })));
    };
    const running = autocannon(
      { url, connections, duration, setupClient },
      (error, result) => {
        if (error) return reject(error);
        waited.sort((one, other) => one - other);
        resolve({
          answers: waited.length,
          refused: refused + result.errors + result.timeouts,
          seconds: result.duration,
          p50_ms: at(waited, 0.5),
          p99_ms: at(waited, 0.99),
        });
      },
    );
    running.on("response", (client, status, bytes, ms) => {
      waited.push(ms);
      if (status !== 200) refused += 1;
    });
  });
}

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  console.log(JSON.stringify(await load(JSON.parse(line))));
});
