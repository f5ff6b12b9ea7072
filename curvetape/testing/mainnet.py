"""Real transactions and accounts, where the machine has them beside the project."""

from pathlib import Path
from typing import Any

import msgspec

_FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "mainnet"

MAINNET: Path | None = _FOLDER if _FOLDER.is_dir() else None
"""The folder of real data; None where the machine does not have it."""


def transactions() -> list[Path]:
    """Landed transactions, as JSON-RPC `getTransaction` results, by name."""
    return _files("tx")


def transactions_base64() -> list[Path]:
    """The same transactions, as far as they exist in base64 encoding."""
    return _files("tx_base64")


def logged_events() -> list[Path]:
    """Files with single events in base64, without the transactions around them."""
    return _files("tx_logs")


def simulated() -> list[Path]:
    """Executions that never landed: `{"result": ...}` wrappers of transactions."""
    return _files("simulated")


def expected() -> list[Path]:
    """Values of events that others decoded; the name is that of the transaction or event file."""
    return _files("expected")


def accounts() -> list[Path]:
    """Accounts as JSON-RPC gave them."""
    return _files("accounts")


def index() -> str:
    """The table that says which events each file holds."""
    return (MAINNET / "INDEX.md").read_text() if MAINNET else ""


def read(path: Path) -> Any:
    """The file's JSON."""
    return msgspec.json.decode(path.read_bytes())


def _files(folder: str) -> list[Path]:
    return sorted((MAINNET / folder).glob("*.json")) if MAINNET else []
