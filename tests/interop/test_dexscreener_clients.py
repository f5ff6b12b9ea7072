"""PyPI's clients of DexScreener are given another base URL, and read our answers as its own."""

import asyncio
from typing import Any

import dexscreen
import dexscreener
import httpx
import pytest

from curvetape.testing.drop_in import graduate, serving_market
from domain.events import TokenMigrated
from projections.reads import Page


def pointed(client: Any, url: str) -> Any:
    """The client with another base URL, which it has no parameter for."""
    for name, part in vars(client).items():
        if name.startswith("_client_"):
            part.base_url = url + ("/latest" if part.base_url.endswith("/latest") else "")
    return client


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
async def test_both_clients_read_every_endpoint(postgres_dsn: str) -> None:
    async with serving_market(postgres_dsn) as (url, reads):
        rows = await reads.tokens(sort="trades", state=None, page=Page(limit=20))
        moved = graduate()
        assert isinstance(moved, TokenMigrated)
        mints = [row.mint for row in rows if row.bonding_curve]
        async with httpx.AsyncClient(base_url=url) as ours:
            cards = {
                mint: (await ours.get(f"/api/v1/tokens/{mint}")).json()
                for mint in (*mints, moved.mint)
            }
        client = pointed(dexscreener.DexscreenerClient(), url)
        pairs = await client.get_pairs_by_token_addresses_async("solana", mints)
        assert {pair.base_token.address for pair in pairs} == set(mints)
        for pair in pairs:
            card = cards[pair.base_token.address]
            if pair.dex_id == ("pumpswap" if card["state"] == "graduated" else "pumpfun"):
                assert pair.price_native == card["price"]
                assert pair.price_usd == card["priceUsd"]
                assert pair.fdv == round(card["marketCapUsd"], 2)
                if card["pool"] is None:
                    assert pair.transactions.h24.buys == card["windows"]["24h"]["buys"]
                if pair.dex_id == "pumpswap":
                    assert pair.liquidity.usd == round(card["liquidityUsd"], 2)
        both = await client.get_token_pairs_async(moved.mint)
        assert [pair.dex_id for pair in both] == ["pumpswap", "pumpfun"]
        assert all(pair.transactions.h24.buys > 0 for pair in both)
        assert (await client.get_token_pair_async("solana", moved.pool)) == both[0]
        assert await client.get_token_pair_async("solana", "nothing") is None
        named = await client.search_pairs_async(moved.pool)
        assert named == both[:1]
        assert await client.get_latest_token_profiles_async()
        assert await client.get_latest_boosted_tokens_async() == []
        assert await client.get_tokens_most_active_async() == []
        assert await client.get_orders_paid_of_token_async("solana", moved.mint) == []

        other = pointed(dexscreen.DexscreenerClient(), url)
        again = await asyncio.to_thread(other.get_pairs_by_token_addresses, "solana", mints)
        assert [pair.model_dump() for pair in again] == [pair.model_dump() for pair in pairs]
        (first, second) = await other.get_pairs_by_token_address_async("solana", moved.mint)
        assert (first.pair_address, second.dex_id) == (moved.pool, "pumpfun")
