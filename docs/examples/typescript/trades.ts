// Prints the proven trades of a token from Curvetape's log: `node trades.ts MINT`.
//
// The log's address is in NATS_URL, with `user:password@` where the server asks for it.

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { connect, type NatsConnection } from "@nats-io/transport-node";

const STREAM = "PUMP";
const BATCH_MAX = 1_000;
const ANSWER_WAIT_MS_MAX = 10_000;
const POLL_WAIT_MS = 250;

type Position = [slot: number, tx: number, outer: number, inner: number];
type Trade = { pos: Position; line: string };
type Waiting = { events: number; trades: Trade[] };
type Event = Record<string, unknown> & { kind: string; id: string; pos: Position };

// Amounts may pass 2^53, where a number would lose its last digits: they stay text here.
const AMOUNT = /(?:amount|reserves)$/;
function parse(payload: string): Event {
  const keep = (key: string, value: unknown, context?: { source: string }) =>
    AMOUNT.test(key) && typeof value === "number" ? context?.source : value;
  return JSON.parse(payload, keep as (key: string, value: unknown) => unknown);
}

// Messages as sequence and payload, from JetStream's Direct Get, which keeps no state.
async function* ask(
  nc: NatsConnection,
  question: { seq: number; batch: number } | { last_by_subj: string },
): AsyncGenerator<[number, string]> {
  const single = !("batch" in question);
  const answers = await nc.requestMany(`$JS.API.DIRECT.GET.${STREAM}`, JSON.stringify(question), {
    strategy: single ? "count" : "sentinel",
    maxMessages: single ? 1 : -1,
    maxWait: ANSWER_WAIT_MS_MAX,
  });
  let ended = false;
  for await (const message of answers) {
    const { headers } = message;
    const status = headers?.code ?? 0;
    if (status === 204 || status === 404) { // the batch's end, or there is nothing
      ended = true;
      break;
    }
    if (status !== 0) throw new Error(`the log answered ${status} ${headers?.description}`);
    yield [Number(headers!.get("Nats-Sequence")), message.string()];
    ended = single;
  }
  if (!ended) throw new Error("the log did not answer; may this user read it?");
}

// The sequence of the log's newest message, 0 for an empty log.
async function lastSequence(nc: NatsConnection): Promise<number> {
  for await (const [sequence] of ask(nc, { last_by_subj: "pump.>" })) return sequence;
  return 0;
}

// What is known up to a position: the trades that wait for their slot to be proven.
class Trades {
  mint: string;
  file?: string;
  position = 0;
  waiting: Record<string, Waiting> = {};

  constructor(mint: string, file?: string) {
    this.mint = mint;
    this.file = file;
    if (file !== undefined && existsSync(file)) {
      const kept = JSON.parse(readFileSync(file, "utf8"));
      this.position = kept.position;
      this.waiting = kept.waiting;
    }
  }

  // Takes the message behind the position; prints what counts since.
  take(sequence: number, payload: string): void {
    if (sequence !== this.position + 1) {
      throw new Error(`sequence ${sequence} came where ${this.position + 1} was expected`);
    }
    this.position = sequence;
    const event = parse(payload);
    const slot = String(event.slot ?? event.pos[0]);
    if (event.kind === "slot.confirmed") {
      const proven = this.waiting[slot]?.trades ?? [];
      delete this.waiting[slot];
      for (const { line } of proven.sort(byPosition)) console.log(line);
    } else if (event.kind === "slot.abandoned") {
      const waited = this.waiting[slot]?.events ?? 0;
      delete this.waiting[slot];
      // What is taken back and does not wait has counted already.
      if ((event.retracted as number) > waited) {
        throw new Error(`slot ${slot} was taken back after its proof; read it all again`);
      }
    } else if (event.provisional === true) {
      const held = (this.waiting[slot] ??= { events: 0, trades: [] });
      held.events += 1;
      const line = this.line(event);
      if (line !== undefined) held.trades.push({ pos: event.pos, line });
    } else {
      const line = this.line(event);
      if (line !== undefined) console.log(line);
    }
  }

  // A trade of the token as a line; nothing for anything else.
  line(event: Event): string | undefined {
    const [noun, verb, version] = event.kind.split(".");
    if (verb !== "traded" || event.mint !== this.mint) return undefined;
    if (version !== undefined || !["curve", "completion", "pool"].includes(noun)) {
      throw new Error(`${event.kind} is newer than this program`);
    }
    let { side, quote_amount: quote } = event;
    let token = noun === "pool" ? event.base_amount : event.token_amount;
    if (noun === "pool" && event.quote_mint === this.mint && event.base_mint !== this.mint) {
      // The pool calls the token its quote.
      side = side === "buy" ? "sell" : "buy";
      [quote, token] = [token, quote];
    }
    const place = event.pos.join(".");
    return `${place} ${noun} ${side} ${token} for ${quote} by ${event.user} ${event.id}`;
  }

  // Keeps the position and what waits together, whole or not at all.
  save(): void {
    if (this.file === undefined) return;
    const { position, waiting } = this;
    writeFileSync(`${this.file}.new`, JSON.stringify({ position, waiting }));
    renameSync(`${this.file}.new`, this.file);
  }
}

function byPosition(a: Trade, b: Trade): number {
  const at = a.pos.findIndex((part, index) => part !== b.pos[index]);
  return at < 0 ? 0 : a.pos[at] - b.pos[at];
}

// Reads from the position that was kept to the log's end, or on and on.
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { state: { type: "string" }, follow: { type: "boolean", default: false } },
  });
  if (positionals.length !== 1) throw new Error("usage: trades.ts MINT [--state FILE] [--follow]");
  const trades = new Trades(positionals[0], values.state);
  const url = new URL(process.env.NATS_URL ?? "nats://127.0.0.1:4222");
  const nc = await connect({
    servers: url.host,
    user: decodeURIComponent(url.username) || undefined,
    pass: decodeURIComponent(url.password) || undefined,
  });
  try {
    const last = await lastSequence(nc);
    if (last < trades.position) {
      throw new Error(`the log ends at ${last}, before ${trades.position}: another log?`);
    }
    while (values.follow || trades.position < last) {
      const before = trades.position;
      for await (const [sequence, payload] of ask(nc, { seq: before + 1, batch: BATCH_MAX })) {
        trades.take(sequence, payload);
      }
      trades.save();
      if (trades.position > before) continue;
      if (!values.follow) {
        throw new Error(`the log has nothing behind ${before}, but ends at ${last}`);
      }
      await sleep(POLL_WAIT_MS);
    }
  } finally {
    await nc.close();
  }
}

main().catch((problem: Error) => {
  console.error(`trades: ${problem.message}`);
  process.exitCode = 1;
});
