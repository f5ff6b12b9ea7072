"""Prints the proven trades of a token from Curvetape's log: `python trades.py MINT`.

The log's address is in NATS_URL, with `user:password@` where the server asks for it.
"""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client

STREAM = "PUMP"
BATCH_MAX = 1_000
ANSWER_WAIT_S_MAX = 10.0
POLL_WAIT_S = 0.25


class ReadError(Exception):
    """The log could not be read, or is not the one that was read before."""


async def ask(client: Client, question: dict[str, Any]) -> list[tuple[int, bytes]]:
    """Messages as sequence and payload, from JetStream's Direct Get, which keeps no state."""
    inbox = client.new_inbox()
    answers = await client.subscribe(inbox)
    messages: list[tuple[int, bytes]] = []
    try:
        subject = f"$JS.API.DIRECT.GET.{STREAM}"
        await client.publish(subject, json.dumps(question).encode(), reply=inbox)
        while True:
            message = await answers.next_msg(timeout=ANSWER_WAIT_S_MAX)
            headers = message.headers or {}
            status = headers.get("Status")
            if status in {"204", "404"}:  # the batch's end, or there is nothing
                return messages
            if status is not None:
                raise ReadError(f"the log answered {status} {headers.get('Description', '')}")
            messages.append((int(headers["Nats-Sequence"]), message.data))
            if "batch" not in question:
                return messages
    except nats.errors.TimeoutError as error:
        raise ReadError("the log did not answer; may this user read it?") from error
    finally:
        await answers.unsubscribe()


async def last_sequence(client: Client) -> int:
    """The sequence of the log's newest message, 0 for an empty log."""
    found = await ask(client, {"last_by_subj": "pump.>"})
    return found[0][0] if found else 0


class Trades:
    """What is known up to a position: the trades that wait for their slot to be proven."""

    def __init__(self, mint: str, state: Path | None) -> None:
        self.mint = mint
        self.file = state
        self.position = 0
        self.waiting: dict[str, dict[str, Any]] = {}
        if state is not None and state.exists():
            kept = json.loads(state.read_text())
            self.position, self.waiting = kept["position"], kept["waiting"]

    def take(self, sequence: int, payload: bytes) -> None:
        """Take the message behind the position; print what counts since."""
        if sequence != self.position + 1:
            raise ReadError(f"sequence {sequence} came where {self.position + 1} was expected")
        self.position = sequence
        event = json.loads(payload)
        slot = str(event["slot"] if "slot" in event else event["pos"][0])
        if event["kind"] == "slot.confirmed":
            proven = self.waiting.pop(slot, {"trades": []})
            for _, line in sorted(proven["trades"]):
                print(line)
        elif event["kind"] == "slot.abandoned":
            # What is taken back and does not wait has counted already.
            if event["retracted"] > self.waiting.pop(slot, {"events": 0})["events"]:
                raise ReadError(f"slot {slot} was taken back after its proof; read it all again")
        elif event.get("provisional", False):
            held = self.waiting.setdefault(slot, {"events": 0, "trades": []})
            held["events"] += 1
            if (line := self.line(event)) is not None:
                held["trades"].append([event["pos"], line])
        elif (line := self.line(event)) is not None:
            print(line)

    def line(self, event: dict[str, Any]) -> str | None:
        """A trade of the token as a line; None for anything else."""
        noun, verb, *version = event["kind"].split(".")
        if verb != "traded" or event["mint"] != self.mint:
            return None
        if version or noun not in {"curve", "completion", "pool"}:
            raise ReadError(f"{event['kind']} is newer than this program")
        side, quote = event["side"], event["quote_amount"]
        token = event["base_amount"] if noun == "pool" else event["token_amount"]
        if noun == "pool" and event["quote_mint"] == self.mint != event["base_mint"]:
            # The pool calls the token its quote.
            side, quote, token = "sell" if side == "buy" else "buy", token, quote
        place = ".".join(map(str, event["pos"]))
        return f"{place} {noun} {side} {token} for {quote} by {event['user']} {event['id']}"

    def save(self) -> None:
        """Keep the position and what waits together, whole or not at all."""
        sys.stdout.flush()
        if self.file is not None:
            beside = self.file.with_name(self.file.name + ".new")
            beside.write_text(json.dumps({"position": self.position, "waiting": self.waiting}))
            beside.replace(self.file)


async def main() -> None:
    """Read from the position that was kept to the log's end, or on and on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mint")
    parser.add_argument("--state", type=Path, help="file in which the position is kept")
    parser.add_argument("--follow", action="store_true", help="wait at the end for more")
    chosen = parser.parse_args()
    trades = Trades(chosen.mint, chosen.state)
    url = os.environ.get("NATS_URL", "nats://127.0.0.1:4222")
    client = await nats.connect(url, allow_reconnect=False)
    try:
        last = await last_sequence(client)
        if last < trades.position:
            raise ReadError(f"the log ends at {last}, before {trades.position}: another log?")
        while chosen.follow or trades.position < last:
            before = trades.position
            for message in await ask(client, {"seq": before + 1, "batch": BATCH_MAX}):
                trades.take(*message)
            trades.save()
            if trades.position == before:
                if not chosen.follow:
                    raise ReadError(f"the log has nothing behind {before}, but ends at {last}")
                await asyncio.sleep(POLL_WAIT_S)
    finally:
        await client.close()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (ReadError, nats.errors.Error, OSError) as problem:
        sys.exit(f"trades: {problem}")
