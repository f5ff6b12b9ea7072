"""What happens on a simulated chain is told over GraphQL, and then found in the read models."""

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import websockets

from curvetape.testing.product import Product

TRADES = 30
ANSWER_WAIT_S_MAX = 10.0
TOLD_WAIT_S_MAX = 60.0
LISTED = """query ($mint: String!) { token(mintAddress: $mint) {
    tradeCount currentPrice { usd } chart(interval: S1, limit: 1) { close }
    trades(first: 500) { nodes { id provisional } } } }"""


def ask(product: Product, query: str, **variables: object) -> Any:
    content = json.dumps({"query": query, "variables": variables}).encode()
    headers = {"Content-Type": "application/json"}
    request = Request(f"http://127.0.0.1:{product.port}/graphql", content, headers)
    with urlopen(request, timeout=ANSWER_WAIT_S_MAX) as answer:
        told = json.loads(answer.read())
    assert "errors" not in told, told["errors"]
    return told


def busiest(product: Product) -> str | None:
    """The mint of the token with the most trades; None before there is one."""
    query = "{ tokens(sort: TRADES, first: 1) { nodes { mintAddress } } }"
    return next((it["mintAddress"] for it in ask(product, query)["data"]["tokens"]["nodes"]), None)


async def told(port: int, mint: str) -> tuple[list[str], set[str]]:
    """The trades of a token that a subscription tells, and those that another takes back."""
    protocol = websockets.Subprotocol("graphql-transport-ws")
    ids: list[str] = []
    dead: set[str] = set()
    address = f"ws://127.0.0.1:{port}/graphql"
    async with websockets.connect(address, subprotocols=[protocol], proxy=None) as connection:
        await connection.send(json.dumps({"type": "connection_init"}))
        for name, field in (("trades", "id"), ("corrections", "ids")):
            query = f"subscription ($mint: String!) {{ {name}(mintAddress: $mint) {{ {field} }} }}"
            payload = {"query": query, "variables": {"mint": mint}}
            await connection.send(json.dumps({"type": "subscribe", "id": name, "payload": payload}))
        async with asyncio.timeout(TOLD_WAIT_S_MAX):
            while len(ids) < TRADES:
                message = json.loads(await connection.recv())
                if message.get("id") == "trades":
                    ids.append(message["payload"]["data"]["trades"]["id"])
                elif message.get("id") == "corrections":
                    dead.update(message["payload"]["data"]["corrections"]["ids"])
    return ids, dead


def holds(product: Product, mint: str, ids: set[str]) -> bool:
    trades = ask(product, LISTED, mint=mint)["data"]["token"]["trades"]["nodes"]
    assert not any(trade["provisional"] for trade in trades)
    return ids <= {trade["id"] for trade in trades}


def test_trades_are_told_as_they_happen_and_then_found(server_folder: Path) -> None:
    with Product(server_folder, "--seed", "5", "--rate", "300") as product:
        product.wait_for("token", lambda it: busiest(it) is not None)
        mint = busiest(product)
        assert mint is not None
        ids, dead = asyncio.run(told(product.port, mint))
        assert len(set(ids)) == len(ids)
        product.wait_for("trades", lambda it: holds(it, mint, set(ids) - dead))
        answer = ask(product, LISTED, mint=mint)
        assert answer["data"]["token"]["tradeCount"] >= len(ids) - len(dead)
        assert answer["data"]["token"]["currentPrice"]["usd"] > 0
        assert answer["data"]["token"]["chart"]
        assert 0 < answer["extensions"]["logPosition"] <= product.get("/readyz")["logPosition"]
        assert product.stop() == 0
