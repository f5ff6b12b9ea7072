"""The APIs of others that are answered in their own shapes."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import falcon.asgi

from api.dexscreener import routes as dexscreener
from api.edition import Editions
from api.foreign import Route, add_routes
from api.geckoterminal import routes as geckoterminal
from api.reference import Elsewhere
from api.udf import routes as udf
from projections.pair_reads import PairReads

DropIn: TypeAlias = tuple[Sequence[Route], str, str]
"""Its routes, its title, and where its document is."""


SHAPES = (
    Elsewhere(dexscreener.DESCRIBED_AT, "DexScreener's public endpoints, as `/latest/dex/search`"),
    Elsewhere(geckoterminal.DESCRIBED_AT, "GeckoTerminal's, under `/api/v2`"),
    Elsewhere(udf.DESCRIBED_AT, "TradingView's Universal Data Feed, under `/udf`"),
)
"""Where each is described."""


def drop_ins(reads: PairReads) -> Sequence[DropIn]:
    """All of them over these read models."""
    return [
        (dexscreener.DexScreener(reads).routes(), dexscreener.TITLE, dexscreener.DESCRIBED_AT),
        (
            geckoterminal.GeckoTerminal(reads).routes(),
            geckoterminal.TITLE,
            geckoterminal.DESCRIBED_AT,
        ),
        (udf.Udf(reads).routes(), udf.TITLE, udf.DESCRIBED_AT),
    ]


def add_drop_ins(
    app: "falcon.asgi.App[Any, Any]", reads: PairReads | None, editions: Editions
) -> None:
    """Serve all of them, and their documents; nothing without read models."""
    for routes, title, described_at in () if reads is None else drop_ins(reads):
        add_routes(app, routes, editions, title=title, described_at=described_at)
