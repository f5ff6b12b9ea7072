"""What people call a token for where it stands: new, about to graduate, graduated."""

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from projections.reads import TokenRow, curve_progress

Label: TypeAlias = Literal["new", "about_to_graduate", "graduated"]

NEW_S = 3_600
ABOUT_TO_GRADUATE = 0.8
PROGRESS_MIN = 0.5
"""No curve is about to graduate below this: the list of those that are is indexed from here on."""


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """From where on a label holds."""

    new_s: Annotated[int, Meta(ge=0)] = NEW_S
    """A token is new while it is younger than so many seconds."""
    about_to_graduate: Annotated[float, Meta(ge=PROGRESS_MIN, le=1)] = ABOUT_TO_GRADUATE
    """The share of its tokens that a curve has sold at least."""


def labels(row: TokenRow, thresholds: Thresholds, *, now_s: int | None) -> list[Label]:
    """All that hold at `now_s`, which is the read model's own newest time; none may hold."""
    found: list[Label] = []
    created_s = row.created_time_s
    if created_s is not None and now_s is not None and now_s - created_s < thresholds.new_s:
        found.append("new")
    if row.state == "graduated":
        found.append("graduated")
    else:
        progress = curve_progress(row)
        if progress is not None and progress >= thresholds.about_to_graduate:
            found.append("about_to_graduate")
    return found
