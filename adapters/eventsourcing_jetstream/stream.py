"""The stream that everything is in: made where it is wanted, and looked at before it is used."""

from typing import Any

from eventsourcing.persistence import OperationalError, ProgrammingError

from .client import NO_STREAM, Client, error_code


async def create(client: Client) -> None:
    """Make the stream if there is none, and check the one that is there.

    Raises `ProgrammingError` where it is not fit for events, with what has to be changed.
    """
    settings = client.settings
    target = f"STREAM.INFO.{settings.stream}"
    answer = await client.retrying(lambda: client.ask(target, {}))
    if error_code(answer) == NO_STREAM:
        target = f"STREAM.CREATE.{settings.stream}"
        answer = await client.retrying(lambda: client.ask(target, wanted(client)))
    if error_code(answer):
        raise OperationalError(
            f"stream {settings.stream} could not be made: {answer['error']['description']}"
        )
    unfit = faults(answer["config"], prefix=settings.prefix)
    if unfit:
        raise ProgrammingError(f"stream {settings.stream} is not fit for events: {unfit}")


def wanted(client: Client) -> dict[str, Any]:
    """The configuration of a stream that loses nothing and takes atomic batches."""
    settings = client.settings
    return {
        "name": settings.stream,
        "subjects": [f"{settings.prefix}.>"],
        "storage": "file",
        "num_replicas": settings.replicas,
        "retention": "limits",
        "discard": "new",
        "max_age": 0,
        "max_msgs": -1,
        "max_bytes": -1,
        "max_msgs_per_subject": -1,
        "max_consumers": -1,
        "deny_delete": True,
        "deny_purge": True,
        "allow_atomic": True,
        "allow_direct": True,
    }


def faults(config: dict[str, Any], *, prefix: str) -> str:
    """What has to be changed in a stream's configuration; empty for nothing."""
    found = [f"it needs {key}" for key in ("allow_atomic", "allow_direct") if not config.get(key)]
    if f"{prefix}.>" not in config.get("subjects", []):
        found.append(f"its subjects have to be {prefix}.>")
    if config.get("retention", "limits") != "limits":
        found.append("its retention has to be limits")
    if config.get("max_age", 0) or config.get("max_msgs_per_subject", -1) > 0:
        found.append("events age out of it, see max_age and max_msgs_per_subject")
    if (
        config.get("discard") != "new"
        and max(config.get("max_msgs", -1), config.get("max_bytes", -1)) > 0
    ):
        found.append("it drops old events at a limit, discard has to be new")
    return "; ".join(found)
