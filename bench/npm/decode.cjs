"use strict";
// The JavaScript side of `decode`: Yellowstone's client types, then Anchor's coder with pump.fun's
// own interfaces, as its users do it. Answers each JSON line on stdin with one on stdout.
const fs = require("fs");
const path = require("path");
const readline = require("readline");

console.warn = (text) => process.stderr.write(`${text}\n`); // stdout is for answers
console.info = console.warn;

const { BorshCoder, BN, EventParser, utils, web3 } = require("@coral-xyz/anchor");
const { pumpIdl } = require("@pump-fun/pump-sdk");
const { pumpAmmJson } = require("@pump-fun/pump-swap-sdk");
const { SubscribeUpdate } = require("@triton-one/yellowstone-grpc");

// BN writes itself as hexadecimal; this is the shortest way to the decimal text that users want.
BN.prototype.toJSON = function decimal() {
  return this.toString(10);
};

const EVENT_INSTRUCTION = Buffer.from("e445a52e51cb9a1d", "hex");
const PROGRAMS = [pumpIdl, pumpAmmJson].map((idl) => {
  const coder = new BorshCoder(idl);
  const address = new web3.PublicKey(idl.address);
  return { key: Buffer.from(address.toBytes()), coder, parser: new EventParser(address, coder) };
});

function* messages(file) {
  const bytes = fs.readFileSync(file);
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at);
    yield bytes.subarray(at + 4, end);
    at = end;
  }
}

function programOf(key) {
  for (const program of PROGRAMS) if (program.key.equals(key)) return program;
  return undefined;
}

/** Every event of our programs that a transaction's self-calls carry, given to `found`. */
function eachEvent(update, found) {
  const info = update.transaction.transaction;
  const { message } = info.transaction;
  const { meta } = info;
  if (meta.err !== undefined) return;
  const fixed = message.accountKeys;
  const writable = meta.loadedWritableAddresses;
  for (const { index: outer, instructions } of meta.innerInstructions) {
    for (let inner = 0; inner < instructions.length; inner += 1) {
      const { data, programIdIndex } = instructions[inner];
      if (data.length < 16 || EVENT_INSTRUCTION.compare(data, 0, 8) !== 0) continue;
      const loaded = programIdIndex - fixed.length;
      const key =
        loaded < 0
          ? fixed[programIdIndex]
          : (writable[loaded] ?? meta.loadedReadonlyAddresses[loaded - writable.length]);
      const program = programOf(key);
      if (program !== undefined) found(program, data, outer, inner);
    }
  }
}

function envelope(update) {
  const info = update.transaction.transaction;
  return {
    signature: utils.bytes.bs58.encode(info.signature),
    signer: utils.bytes.bs58.encode(info.transaction.message.accountKeys[0]),
    slot: update.transaction.slot,
    index: info.index,
    time: Math.floor(update.createdAt.getTime() / 1000),
    computeUnits: info.meta.computeUnitsConsumed,
  };
}

/** What the users of `emit_cpi!` do: the coder takes base64, as it stands in a log line. */
function decoded(program, data) {
  return program.coder.events.decode(utils.bytes.base64.encode(data.subarray(8)));
}

function transactionPass(counts, keep) {
  for (const payload of counts.input) {
    const update = SubscribeUpdate.decode(payload);
    let shared;
    eachEvent(update, (program, data, outer, inner) => {
      const event = decoded(program, data);
      if (event === null) return;
      shared ??= envelope(update);
      const { signature, ...rest } = shared;
      const text = JSON.stringify({
        id: `${signature}:${outer}.${inner}`,
        ...rest,
        outer,
        inner,
        name: event.name,
        data: event.data,
      });
      counts.events += 1;
      counts.characters += text.length;
      keep?.push(text);
    });
  }
}

function logsPass(counts) {
  for (const payload of counts.input) {
    const update = SubscribeUpdate.decode(payload);
    const info = update.transaction.transaction;
    if (info.meta.err !== undefined) continue;
    let shared;
    for (const { parser } of PROGRAMS) {
      for (const event of parser.parseLogs(info.meta.logMessages)) {
        shared ??= envelope(update);
        const text = JSON.stringify({ ...shared, name: event.name, data: event.data });
        counts.events += 1;
        counts.characters += text.length;
      }
    }
  }
}

function parsePass(counts) {
  for (const payload of counts.input) {
    const update = SubscribeUpdate.decode(payload);
    counts.events += 1;
    counts.characters += update.transaction.transaction.signature.length;
  }
}

/** Event bytes in, event JSON out: the coder without the transaction around it. */
function coderPass(counts) {
  for (const data of counts.input) {
    const event = decoded(PROGRAMS[data[0]], data.subarray(1));
    const text = JSON.stringify({ name: event.name, data: event.data });
    counts.events += 1;
    counts.characters += text.length;
  }
}

/** Per transaction: how many events the coder read, and what it said about those it could not. */
function survey(input) {
  return input.map((payload) => {
    const row = { read: 0, refused: [] };
    const update = SubscribeUpdate.decode(payload);
    eachEvent(update, (program, data) => {
      try {
        if (decoded(program, data) === null) row.refused.push("not in the interface");
        else row.read += 1;
      } catch (error) {
        row.refused.push(`${error.name} in layout of ${data.length - 8} bytes`);
      }
    });
    return row;
  });
}

const PASSES = { transactions: transactionPass, coder: coderPass, logs: logsPass, parse: parsePass };
const inputs = new Map();

function input(file) {
  if (!inputs.has(file)) inputs.set(file, [...messages(file)]);
  return inputs.get(file);
}

function version(name) {
  const manifest = path.join(__dirname, "node_modules", name, "package.json");
  return JSON.parse(fs.readFileSync(manifest, "utf8")).version;
}

function answer({ ask, file, first, count, passes = 1 }) {
  if (ask === "about") {
    const names = ["@coral-xyz/anchor", "@pump-fun/pump-sdk", "@pump-fun/pump-swap-sdk"];
    const versions = Object.fromEntries(
      [...names, "@triton-one/yellowstone-grpc"].map((name) => [name, version(name)]),
    );
    return { ...versions, node: process.versions.node };
  }
  if (ask === "survey") return survey(input(file));
  const counts = { events: 0, characters: 0, input: input(file) };
  if (count !== undefined) counts.input = counts.input.slice(first, first + count);
  if (ask === "events") {
    const kept = [];
    transactionPass(counts, kept);
    return kept;
  }
  const started = process.threadCpuUsage();
  for (let pass = 0; pass < passes; pass += 1) PASSES[ask](counts);
  const { user, system } = process.threadCpuUsage(started);
  const seconds = (user + system) / 1e6;
  return { seconds, events: counts.events, characters: counts.characters };
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
});
