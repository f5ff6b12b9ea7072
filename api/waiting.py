"""Read your writes: an answer that waits until the read models have passed a log position."""

import asyncio
import re
import time
from collections.abc import Sequence

from api.edition import Edition, Editions
from api.problems import NOT_YET, PARAMETER_INVALID, ProblemError

PARAMETER = "waitFor"
DESCRIPTION = (
    "A log position, such as one of Curvetape-Position: answer once every read model that the "
    "answer is from has passed it, or with the problem `not-yet` after 5 seconds."
)
PATTERN = "^[0-9]{1,18}$"
WAIT_S_MAX = 5.0
RETRY_AFTER_S = 1
_ASK_AGAIN_S = 0.05
_POSITION = re.compile(PATTERN[1:-1], re.ASCII)


def position_of(text: str | list[str]) -> int:
    """The position that a parameter names, or the problem that it names none."""
    if isinstance(text, list) or _POSITION.fullmatch(text) is None:
        shown = repr(text)
        raise ProblemError(
            PARAMETER_INVALID,
            f"waitFor was {shown if len(shown) <= 60 else shown[:60] + '…'}: it has to be given "
            f"once, as up to 18 digits. {DESCRIPTION}",
            parameter=PARAMETER,
        )
    return int(text)


async def passed(editions: Editions, read_models: Sequence[str], position: int) -> Edition:
    """The edition in which all of them hold it; the problem that they do not in time.

    May raise `ReadsUnavailableError`.
    """
    until_s = time.monotonic() + WAIT_S_MAX
    current = await editions.current(read_models)
    while current.position < position:
        if time.monotonic() >= until_s:
            raise ProblemError(
                NOT_YET,
                f"waitFor was {position}, and the read models of this are at {current.position}; "
                f"ask again in {RETRY_AFTER_S} s, or /readyz what they wait for",
                parameter=PARAMETER,
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        await asyncio.sleep(_ASK_AGAIN_S)
        await editions.refresh()
        current = await editions.current(read_models)
    return current
