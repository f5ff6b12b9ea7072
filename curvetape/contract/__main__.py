"""Writes the schemas and the catalogue into `nats/`: `python -m curvetape.contract`.

Refuses a change that would break readers of the log; give the kind a new version then.
"""

import sys
from pathlib import Path

import msgspec

from curvetape.contract import catalogue
from curvetape.contract.compatibility import incompatibilities
from curvetape.contract.schemas import Schema, encoded, schemas

ROOT = Path(__file__).resolve().parents[2]


def committed(folder: Path) -> dict[str, Schema]:
    """By tag, the schemas that are in a folder."""
    return {path.stem: msgspec.json.decode(path.read_bytes()) for path in folder.glob("*.json")}


def write(root: Path) -> list[str]:
    """Write what has changed below `root`, or nothing where something would break; that is said."""
    folder = root / "nats" / "schemas"
    folder.mkdir(exist_ok=True)
    written = schemas(root / "docs" / "events.md")
    broken = incompatibilities(committed(folder), written)
    if not broken:
        for tag, schema in written.items():
            (folder / f"{tag}.json").write_bytes(encoded(schema))
        document = catalogue.encoded(catalogue.catalogue())
        (root / "nats" / "asyncapi.yaml").write_bytes(document)
    return broken


if __name__ == "__main__":
    if found := write(ROOT):
        sys.stderr.write(
            "nothing was written, because readers of the log would break; declare a new version "
            "of the kind, see docs/events.md:\n" + "".join(f"  {each}\n" for each in found)
        )
        sys.exit(1)
