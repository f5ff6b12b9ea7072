"""PyPI's client of GeckoTerminal is given another base URL, and reads our answers as its own."""

import httpx
import pytest
from geckoterminal_py.clients.async_client import GeckoTerminalAsyncClient

from curvetape.testing.drop_in import graduate, serving_market
from domain.events import TokenMigrated


async def test_the_client_reads_every_endpoint(postgres_dsn: str) -> None:
    moved = graduate()
    assert isinstance(moved, TokenMigrated)
    async with (
        serving_market(postgres_dsn) as (url, _),
        httpx.AsyncClient(base_url=f"{url}/api/v1/tokens") as ours,
    ):
        client = GeckoTerminalAsyncClient()
        client.base_url = f"{url}/api/v2"
        card = (await ours.get(f"/{moved.mint}")).json()
        networks = await client.get_networks()
        assert list(networks["id"]) == ["solana"]
        assert list((await client.get_dexes_by_network("solana"))["id"]) == ["pump-fun", "pumpswap"]
        pools = await client.get_top_pools_by_network_token("solana", moved.mint)
        assert list(pools["dex_id"]) == ["pumpswap", "pump-fun"]
        assert set(pools["base_token_id"]) == {moved.mint}
        pool = await client.get_pool_by_network_address("solana", moved.pool)
        assert float(pool["base_token_price_usd"][0]) == card["priceUsd"]
        assert float(pool["reserve_in_usd"][0]) == pytest.approx(card["liquidityUsd"])
        both = await client.get_multiple_pools_by_network("solana", list(pools["address"]))
        assert list(both["address"]) == list(pools["address"])
        token = await client.get_specific_token_on_network("solana", moved.mint)
        assert float(token["attributes"]["fdv_usd"]) == card["marketCapUsd"]
        for timeframe in client.ohlcv_timeframes:
            candles = await client.get_ohlcv("solana", moved.pool, timeframe, currency="token")
            assert len(candles) == 1, timeframe  # it is a market of seconds
            if timeframe not in {"12h", "1d"}:
                chart = await ours.get(f"/{moved.mint}/chart?interval={timeframe}")
                (kept,) = chart.json()["items"]
                fields = ("open", "high", "low", "close")
                assert [candles[name][0] for name in fields] == [kept[name] for name in fields]
        trades = await client.get_trades("solana", moved.pool, 0)
        assert len(trades) == 2
        assert len(await client.get_new_pools_by_network("solana")) == 20
        trending = await client.get_trending_pools_by_network("solana")
        assert trending["volume_usd_h24"].astype(float).is_monotonic_decreasing
        top = await client.get_top_pools_by_network("solana")
        counts = top["transactions_h24_buys"] + top["transactions_h24_sells"]
        assert counts.is_monotonic_decreasing
        busiest = await ours.get(f"{url}/api/v1/tokens?sort=trades&window=24h&limit=1")
        assert counts[0] == busiest.json()["items"][0]["window"]["trades"]
        of_dex = await client.get_top_pools_by_network_dex("solana", "pumpswap")
        assert list(of_dex["address"]) == [moved.pool]
        assert list((await client.get_trending_pools())["address"]) == list(trending["address"])
        assert len(await client.get_new_pools_all_networks()) == 20
        prices = await client.get_simple_token_price(
            "solana",
            [moved.mint],
            include_market_cap=True,
            include_24hr_vol=True,
            include_24hr_price_change=True,
            include_total_reserve_in_usd=True,
        )
        assert list(prices["token_address"]) == [moved.mint]
        assert float(prices["price_usd"][0]) == card["priceUsd"]
        assert float(prices["market_cap_usd"][0]) == card["marketCapUsd"]
        volumes = pools["volume_usd_h24"].astype(float)
        assert float(prices["volume_usd_h24"][0]) == pytest.approx(volumes.sum())
        await client.close()
