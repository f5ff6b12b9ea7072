"""A page to try queries on, of our own: it loads nothing from anybody else."""

import hashlib
from base64 import b64encode

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:0;height:100vh;display:flex;flex-direction:column}
header{padding:.6rem 1rem;display:flex;flex-wrap:wrap;gap:.4rem 1rem;
align-items:baseline;border-bottom:1px solid #8884}
h1{font-size:1.1rem;margin:0}main{flex:1;display:grid;grid-template-columns:1fr 1fr;min-height:0}
form{display:flex;flex-direction:column;border-right:1px solid #8884}
textarea,pre{font:13px/1.5 ui-monospace,monospace;padding:1rem;margin:0;border:0;outline:0;
background:transparent;color:inherit;resize:none;overflow:auto;tab-size:2}
#query{flex:3}#variables{flex:1;border-top:1px solid #8884}button{font:inherit;padding:.2rem 1rem}
html{color-scheme:light dark}
:is(textarea,pre):focus-visible{outline:2px solid #66a;outline-offset:-2px}
@media(max-width:45rem){main{grid-template-columns:1fr;grid-template-rows:2fr 3fr}
form{border-right:0;border-bottom:1px solid #8884;min-height:0}pre{min-height:0}}
"""
_SCRIPT = """
const at = (id) => document.getElementById(id);
const show = (text, state = "done") => {
  at("answer").textContent = text;
  at("answer").dataset.state = state;
};
const pretty = (value) => JSON.stringify(value, null, 2);
let stream = null;
const stop = () => { if (stream) stream.close(); stream = null; at("stop").hidden = true; };
const follow = (asked) => {
  const address = new URLSearchParams({ query: asked.query });
  if (asked.variables) address.set("variables", JSON.stringify(asked.variables));
  stream = new EventSource("/graphql?" + address);
  at("stop").hidden = false;
  let told = [];
  stream.addEventListener("next", (event) => {
    told = [pretty(JSON.parse(event.data)), ...told].slice(0, 50);
    show(told.join("\\n\\n"), "live");
  });
  stream.addEventListener("complete", stop);
  stream.onerror = () => { if (!told.length) show("The server refused, or cannot be reached."); };
};
const run = async (event) => {
  if (event) event.preventDefault();
  stop();
  try {
    const asked = { query: at("query").value };
    if (at("variables").value.trim()) asked.variables = JSON.parse(at("variables").value);
    if (/^\\s*(#.*\\s*)*subscription\\b/.test(asked.query)) return follow(asked);
    show("…", "waiting");
    const answer = await fetch("/graphql", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(asked),
    });
    show(pretty(await answer.json()));
  } catch (error) {
    show(String(error));
  }
};
at("form").addEventListener("submit", run);
at("stop").addEventListener("click", stop);
if (location.hash.startsWith("#query=")) {
  at("query").value = decodeURIComponent(location.hash.slice(7));
  run();
}
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run(event);
});
"""
_EXAMPLE = """# Ctrl+Enter runs it.
{
  tokens(sort: LAST_TRADE, first: 5) {
    nodes {
      mintAddress
      symbol
      currentPrice { quote usd }
      priceChange1h
      volume24h
      trades(first: 2) { nodes { time side quoteAmount } }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""


def _hash(text: str) -> str:
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()


HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_hash(_STYLE)}'; "
    f"script-src 'sha256-{_hash(_SCRIPT)}'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}
PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Curvetape · GraphQL</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    f"<style>{_STYLE}</style></head><body><header><h1>Curvetape GraphQL</h1>"
    '<button form="form">Run</button><button id="stop" type="button" hidden>Stop</button>'
    '<a href="/graphql/schema.graphql">The schema</a><a href="/">REST</a>'
    '<a href="/status">Live</a></header><main>'
    '<form id="form"><textarea id="query" spellcheck="false" aria-label="Query">'
    f"{_EXAMPLE}</textarea>"
    '<textarea id="variables" spellcheck="false" aria-label="Variables" '
    'placeholder="Variables, as JSON"></textarea></form>'
    '<pre id="answer" role="region" tabindex="0" aria-label="Answer"></pre></main>'
    f"<script>{_SCRIPT}</script></body></html>"
).encode()
