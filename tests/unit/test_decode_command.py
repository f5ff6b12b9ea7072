"""`curvetape decode` prints what a recording holds and says what it cannot read."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from curvetape.cli import main
from curvetape.testing.layouts import address, example
from domain.programs import NATIVE_SOL, PUMP
from ingest.decode import SELF_CALL_PREFIX
from ingest.layouts.catalogue import event

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
SIGNATURE = (
    "2Ana1pUpv2ZbMVkwF5FXapYeBEjdxDatLn7nvJkhgTSXbs59SyZSx866bXirPgj8QQVB57uxHJBG1YFvkRbFj4T"
)


def base58(data: bytes) -> str:
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def recording(*events: bytes, **given: Any) -> dict[str, Any]:
    """A JSON-RPC result of a transaction that emitted the events."""
    calls = [
        {"programIdIndex": 1, "accounts": [], "data": base58(SELF_CALL_PREFIX + data)}
        for data in events
    ]
    meta = {"err": None, "fee": 5000, "innerInstructions": [{"index": 0, "instructions": calls}]}
    return {
        "slot": 9,
        "transactionIndex": 4,
        "blockTime": 8,
        "version": 0,
        "transaction": {
            "signatures": [SIGNATURE],
            "message": {
                "accountKeys": [address("payer"), PUMP],
                "recentBlockhash": address("blockhash"),
                "instructions": [{"programIdIndex": 1, "accounts": [0], "data": "1"}],
            },
        },
        "meta": meta | given,
    }


def written(name: str, label: str, **given: object) -> bytes:
    layout = event(PUMP, name)
    return layout.write(label, example(layout, layout.named(label), **given))


TRADE = written("TradeEvent", "T9", quote_mint=NATIVE_SOL)


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["decode", *arguments], input=stdin)


def saved(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_an_event_is_printed_with_all_its_fields_and_its_place(tmp_path: Path) -> None:
    result = run(saved(tmp_path / "a.json", json.dumps(recording(TRADE + b"\x07"))))
    (line,) = lines(result)
    fields = line.pop("fields")
    assert line == {
        "signature": SIGNATURE,
        "slot": 9,
        "index": 4,
        "block_time_s": 8,
        "outer": 0,
        "inner": 0,
        "source": "cpi",
        "program": PUMP,
        "event": "TradeEvent",
        "layout": "T9",
        "tail": "07",
    }
    assert fields["shareholders"] == [{"address": address("address"), "share_bps": 9}]
    assert len(fields) == 35
    assert (result.exit_code, result.stderr) == (0, "")


def test_events_come_in_the_order_of_the_instructions(tmp_path: Path) -> None:
    events = [written("CreateEvent", "C8"), TRADE, written("CompleteEvent", "2")]
    result = run(saved(tmp_path / "a.json", json.dumps(recording(*events))))
    assert [line["event"] for line in lines(result)] == [
        "CreateEvent",
        "TradeEvent",
        "CompleteEvent",
    ]


def test_what_cannot_be_decoded_is_printed_with_its_bytes(tmp_path: Path) -> None:
    result = run(saved(tmp_path / "a.json", json.dumps(recording(TRADE, bytes(9)))))
    known, unknown = lines(result)
    assert known["event"] == "TradeEvent"
    assert (unknown["event"], unknown["reason"], unknown["data"]) == (
        None,
        "unknown_event",
        "00" * 9,
    )


def test_domain_prints_the_events_of_the_log(tmp_path: Path) -> None:
    result = run("--domain", saved(tmp_path / "a.json", json.dumps(recording(TRADE, bytes(9)))))
    (line,) = lines(result)
    assert (line["kind"], line["pos"], line["id"]) == (
        "curve.traded",
        [9, 4, 0, 0],
        f"{SIGNATURE}:0.0",
    )
    assert "no event known has discriminator 0000000000000000" in result.stderr


@pytest.mark.parametrize("many", [json.dumps, lambda all_: "\n\n".join(map(json.dumps, all_))])
def test_a_file_may_hold_many_transactions(tmp_path: Path, many: Any) -> None:
    response = {"jsonrpc": "2.0", "result": recording(TRADE)}
    result = run(saved(tmp_path / "a", many([recording(TRADE), response])))
    assert [line["layout"] for line in lines(result)] == ["T9", "T9"]


def test_standard_input_is_read_as_a_file() -> None:
    result = run("-", stdin=json.dumps(recording(TRADE)))
    assert [line["event"] for line in lines(result)] == ["TradeEvent"]


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    good = saved(tmp_path / "good.json", json.dumps(recording(TRADE)))
    bad = saved(tmp_path / "bad.json", json.dumps(recording(TRADE) | {"meta": None}))
    text = saved(tmp_path / "text.json", "hello")
    missing = str(tmp_path / "missing.json")
    result = run(bad, text, missing, good)
    assert len(lines(result)) == 1
    assert result.exit_code == 1
    said = result.stderr.splitlines()
    assert said[0].startswith(f"{bad}: meta: absent or null")
    assert said[1].startswith(f"{text}: not JSON")
    assert said[2] == f"{missing}: No such file or directory"


def test_one_bad_line_does_not_stop_the_others(tmp_path: Path) -> None:
    good = json.dumps(recording(TRADE))
    name = saved(tmp_path / "a.jsonl", f"{good}\n{{\n{good}\n[1]\n")
    result = run(name)
    assert len(lines(result)) == 2
    assert result.exit_code == 1
    assert [line.split(": ")[0] for line in result.stderr.splitlines()] == [
        f"{name}, line 2",
        f"{name}, line 4",
    ]


def test_a_failed_transaction_is_said_and_is_no_error(tmp_path: Path) -> None:
    failed = recording(TRADE, err={"InstructionError": [0, "Custom"]})
    result = run(saved(tmp_path / "a.json", json.dumps(failed)))
    assert (result.stdout, result.exit_code) == ("", 0)
    assert f"{SIGNATURE} failed, so it emitted nothing" in result.stderr


def test_a_recording_without_its_slot_is_decoded(tmp_path: Path) -> None:
    document = recording(TRADE)
    del document["slot"], document["transactionIndex"], document["blockTime"]
    (line,) = lines(run(saved(tmp_path / "a.json", json.dumps(document))))
    assert (line["slot"], line["index"], line["block_time_s"]) == (None, None, None)


def test_the_layouts_can_be_read() -> None:
    result = run("--layouts")
    assert "| TradeEvent | T4 | ix_name string |" in result.stdout


def test_help_shows_how_to_call_it() -> None:
    result = run("--help")
    assert "curvetape decode --domain" in result.stdout
    assert "exit code is 1" in result.stdout
