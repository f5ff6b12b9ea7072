"""The page to try queries on, in a real Chromium, over a real log."""

import json
from urllib.parse import quote, urlsplit

from curvetape.testing.batch_reads import MemoryBatchReads
from curvetape.testing.events import curve_traded, recorded
from curvetape.testing.graphql import serving_graphql
from curvetape.testing.log import LiveLog, entries
from curvetape.testing.market import MARKET, TRADED
from curvetape.testing.pages import opened

READ = {"answer": "#answer", "query": "#query"}


def asking(url: str, query: str) -> str:
    """The page with a query in its address, which it runs."""
    return f"{url}#query={quote(query)}"


async def test_the_page_runs_queries_and_subscriptions_and_asks_nobody_else(
    live_log: LiveLog,
) -> None:
    await live_log.appender.append(entries(MARKET))
    query = "{ tokens(first: 1, sort: TRADES) { nodes { mintAddress } } }"
    following = f'subscription {{ trades(mintAddress: "{TRADED}") {{ id }} }}'
    done = [{"#answer[data-state=done]": 1}]
    live = [{"#stop:not([hidden])": 1}, {"#answer[data-state=live]": 1}]
    async with serving_graphql(MemoryBatchReads(recorded(MARKET)), live_log.log) as url:
        async with opened(asking(url, query), stages=done, read=READ) as shown:
            found = await shown.told()
        small = {"width": 360, "height": 740, "boxes": ["#query", "#answer"]}
        async with opened(asking(url, query), stages=done, read=READ, **small) as shown:
            on_phone = (await shown.told())["boxes"]
        wrong = asking(url, "subscription { nothing { id } }")
        async with opened(wrong, stages=[{"#answer[data-state=live]": 1}], read=READ) as shown:
            refused = await shown.told()
        async with opened(asking(url, following), stages=live, read=READ) as shown:
            await shown.told()
            traded = curve_traded(5_000, TRADED)
            await live_log.appender.append(entries([traded]))
            told = await shown.told()
    assert [box["width"] for box in on_phone.values()] == [small["width"]] * 2
    answer = json.loads(found["texts"]["answer"][0])
    assert answer["data"]["tokens"]["nodes"] == [{"mintAddress": TRADED}]
    assert json.loads(told["texts"]["answer"][0])["data"]["trades"] == {"id": traded.id}
    assert "GRAPHQL_VALIDATION_FAILED" in refused["texts"]["answer"][0]
    for each in (found, refused, told):
        assert each["errors"] == []
        assert {urlsplit(it).netloc for it in each["requests"]} == {urlsplit(url).netloc}
