// Follows the market and the pipeline's state over Socket.IO, as any client can.
"use strict";

const TRADES_MAX = 40;
const LAUNCHES_MAX = 14;
const GONE_MAX = 1000;
const DRAW_MS = 250; // nobody reads faster, however many trades there are
const BEHIND_EVENTS = 2000;
const SILENT_MS = 5000;
const ASK_AGAIN_MS = 2000;

const byId = (id) => document.getElementById(id);
const socket = io({ transports: ["websocket", "polling"] });
const symbols = new Map();
const state = {
  trades: [], launches: [], gone: new Set(), status: null, toldAt: 0, seen: null, drawn: new Map(),
};

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en-US", {
  maximumSignificantDigits: 4, maximumFractionDigits: 0, roundingPriority: "morePrecision",
});
const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");
const shortened = (address) => `${address.slice(0, 4)}…${address.slice(-4)}`;
// Zeros behind the point are counted, not written: 0.0₈7212 is what traders read.
const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
function price(value) {
  if (value === null) return "–";
  const [digits, exponent] = value.toExponential(3).replace(".", "").split("e");
  const zeros = value > 0 ? -Number(exponent) - 1 : 0;
  if (zeros < 4) return short.format(value);
  return `0.0${[...String(zeros)].map((digit) => SUBSCRIPTS[digit]).join("")}${digits}`;
}

function element(name, content, attributes = {}) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...[content].flat());
  return made;
}

function tokenLink(mint) {
  return element("a", symbols.get(mint) ?? shortened(mint), { href: `/api/v1/tokens/${mint}`, title: mint });
}

function traderLink(trader) {
  return element("a", shortened(trader), { href: `/api/v1/wallets/${trader}/portfolio`, title: trader });
}

// A live region is read out whenever it is written to, even if it says the same.
function say(id, words) {
  const shown = byId(id);
  if (shown.textContent !== words) shown.textContent = words;
}

function tradeRow({ trade, provisional }) {
  const row = element("tr", [
    element("td", clock(trade.time), { class: "time" }),
    element("td", tokenLink(trade.mint), { class: "token" }),
    element("td", trade.side, { class: "side" }),
    element("td", `${trade.quoteAmount === null ? "–" : short.format(trade.quoteAmount)} ${trade.quoteSymbol ?? shortened(trade.quoteMint)}`, { class: "number amount" }),
    element("td", trade.amountUsd === null ? "–" : dollars.format(trade.amountUsd), { class: "number" }),
    element("td", price(trade.price), { class: "number", title: trade.price === null ? "" : `${trade.price} ${trade.quoteSymbol ?? shortened(trade.quoteMint)}` }),
    element("td", traderLink(trade.trader), { class: "trader" }),
  ], { "data-side": trade.side, "data-id": trade.id });
  if (provisional) row.title = "its slot is not certified yet";
  if (state.gone.has(trade.id)) row.dataset.gone = row.title = "taken back: its fork has died";
  return row;
}

function launchRow({ kind, mint, name, time }) {
  return element("li", [
    element("b", tokenLink(mint)),
    element("span", kind === "graduation" ? "graduated" : name, { class: "name" }),
    element("time", clock(time)),
  ], { "data-kind": kind });
}

function drawStatus() {
  const told = state.status;
  const silent = Date.now() - state.toldAt > SILENT_MS;
  const [name, words] = !socket.connected ? ["away", "not connected, trying again"]
    : told === null ? ["away", "waiting for the first figures"]
    : told.deaf || silent ? ["stale", "connected, but nothing new arrives"]
    : ["live", "live"];
  byId("connection").dataset.state = name;
  say("connection", words);
  if (told === null) return;
  byId("slot").textContent = told.slot === null ? "–" : whole.format(told.slot);
  byId("age").textContent = told.slotTime === null ? "–"
    : `${Math.max(0, Math.round(Date.now() / 1000 - told.slotTime))} s`;
  byId("trades").textContent = short.format(told.tradesPerSecond);
  byId("events").textContent = short.format(told.eventsPerSecond);
  byId("launched").textContent = short.format(told.launchesPerMinute);
  byId("sequence").textContent = whole.format(told.sequence);
  byId("clients").textContent = whole.format(told.clients);
  byId("models").replaceChildren(...told.readModels.map((model) => element("li", [
    element("span", model.name.replaceAll("_", " ")),
    element("span", whole.format(model.lag)),
  ], { "data-behind": model.lag > BEHIND_EVENTS ? "yes" : "no" })));
}

// Rows that move away under the pointer can neither be read nor clicked.
function drawList(id, list, row) {
  const shown = byId(id);
  if (state.drawn.get(id) === list || shown.matches(":hover, :focus-within")) return;
  shown.replaceChildren(...list.map(row));
  state.drawn.set(id, list);
}

function draw() {
  drawStatus();
  drawList("tape", state.trades, tradeRow);
  drawList("launches", state.launches, launchRow);
}

function put(name, one, most) {
  state[name] = [one, ...state[name]].slice(0, most);
  state.seen = one.sequence;
}

// A server that has just started, or whose store is away, refuses; it is asked until it does not.
function follow(event, asked) {
  const { id } = socket;
  socket.emit(event, asked(), ({ ok }) => {
    if (!ok) setTimeout(() => { if (socket.id === id) follow(event, asked); }, ASK_AGAIN_MS);
  });
}

socket.on("connect", () => {
  follow("subscribe:status", () => null);
  follow("subscribe:market", () => (state.seen === null ? {} : { after: state.seen }));
});
socket.on("market:snapshot", ({ sequence, newest, active, leaders }) => {
  state.seen = sequence;
  for (const token of [...newest, ...active, ...leaders]) {
    if (token.symbol) symbols.set(token.mint, token.symbol);
  }
  if (state.launches.length === 0) {
    state.launches = newest.slice(0, LAUNCHES_MAX).map((token) => ({
      kind: "launch", mint: token.mint, name: token.name ?? "", time: token.createdTime,
    }));
  }
});
socket.on("market:trade", (told) => {
  // What a fork has taken back, or has in another slot as well, may be told again, and stands then.
  const { id } = told.trade;
  state.gone.delete(id);
  state.trades = state.trades.filter(({ trade }) => trade.id !== id);
  put("trades", told, TRADES_MAX);
});
socket.on("market:launch", (told) => {
  symbols.set(told.mint, told.symbol);
  put("launches", { kind: "launch", ...told }, LAUNCHES_MAX);
});
socket.on("market:graduation", (told) => put("launches", { kind: "graduation", ...told }, LAUNCHES_MAX));
socket.on("market:correction", ({ ids }) => {
  state.gone = new Set([...state.gone, ...ids].slice(-GONE_MAX));
  state.launches = state.launches.filter(({ id }) => !state.gone.has(id));
  state.trades = [...state.trades]; // drawn anew, struck through
});
socket.on("status", (told) => {
  state.status = told;
  state.toldAt = Date.now();
});
setInterval(draw, DRAW_MS);
