"""GraphQL answers what REST answers, in the words of its schema; figures are REST's own."""

from typing import Any

import pytest

from api.graphql.limits import REQUEST_BYTES_MAX, Limits
from curvetape.testing.api import V1, WALLETS_V1, Served
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.events import created, curve_traded
from curvetape.testing.market import ABSENT, GRADUATED, KNOWN, MARKET, TRADED, UNSEEN, WALLET

PAGES_MAX = 100


@pytest.fixture
def served() -> Served:
    return Served()


def asked(served: Served, query: str, **variables: object) -> dict[str, Any]:
    """All of the answer."""
    result = served.client.simulate_post("/graphql", json={"query": query, "variables": variables})
    assert result.status_code == 200, result.text
    found: dict[str, Any] = result.json
    return found


def data(served: Served, query: str, **variables: object) -> Any:
    answer = asked(served, query, **variables)
    assert "errors" not in answer, answer["errors"]
    return answer["data"]


def rest(served: Served, path: str) -> Any:
    result = served.client.simulate_get(path)
    assert result.status_code == 200, result.text
    return result.json


def code(answer: dict[str, Any]) -> str:
    (error,) = answer["errors"]
    found: str = error["extensions"]["code"]
    return found


@pytest.mark.parametrize("mint", KNOWN)
def test_a_tokens_card_has_the_figures_of_rest(served: Served, mint: str) -> None:
    card = rest(served, f"{V1}/{mint}")
    found = data(
        served,
        """query ($mint: String!) { token(mintAddress: $mint) {
            mintAddress symbol name decimals quoteMint quoteSymbol currentPrice { quote usd }
            marketCap marketCapUsd liquidity liquidityUnits curveProgress supplyUnits tradeCount
            quoteVolumeUnits isGraduated volume5m volume24h priceChange1h
            windows { time h24 { trades traders buyQuoteVolumeUnits } }
            allTimeHigh { price slot } } }""",
        mint=mint,
    )["token"]
    for field, name in {
        "mintAddress": "mint",
        "symbol": "symbol",
        "name": "name",
        "decimals": "tokenDecimals",
        "quoteMint": "quoteMint",
        "quoteSymbol": "quoteSymbol",
        "marketCap": "marketCap",
        "marketCapUsd": "marketCapUsd",
        "liquidity": "liquidity",
        "liquidityUnits": "liquidityUnits",
        "curveProgress": "curveProgress",
        "supplyUnits": "supplyUnits",
        "tradeCount": "trades",
        "quoteVolumeUnits": "quoteVolumeUnits",
    }.items():
        assert found[field] == card[name], field
    price = None if card["price"] is None else {"quote": card["price"], "usd": card["priceUsd"]}
    assert found["currentPrice"] == price
    assert found["isGraduated"] == (card["state"] == "graduated")
    windows = card["windows"]
    assert found["volume5m"] == windows["5m"]["quoteVolume"]
    assert found["volume24h"] == windows["24h"]["quoteVolume"]
    assert found["priceChange1h"] == windows["1h"]["priceChange"]
    assert found["windows"]["time"] == windows["time"]
    assert found["windows"]["h24"] == {
        name: windows["24h"][name] for name in ("trades", "traders", "buyQuoteVolumeUnits")
    }
    high = card["allTimeHigh"]
    assert found["allTimeHigh"] == (high and {"price": high["price"], "slot": high["slot"]})


def test_what_is_not_known_is_null_and_never_zero(served: Served) -> None:
    query = """query ($mint: String!) { token(mintAddress: $mint) {
        name createdAt supply marketCap marketCapUsd currentPrice { usd } } }"""
    assert data(served, query, mint=ABSENT) == {"token": None}
    unseen = data(served, query, mint=UNSEEN)["token"]
    assert set(unseen.values()) == {None}


def test_trades_are_a_connection_that_lists_each_trade_once(served: Served) -> None:
    query = """query ($mint: String!, $after: String) { token(mintAddress: $mint) {
        trades(first: 50, after: $after) {
            edges { cursor node { id side price tokenAmountUnits } }
            pageInfo { hasNextPage hasPreviousPage endCursor } } } }"""
    found: list[Any] = []
    after = None
    for _ in range(PAGES_MAX):
        page = data(served, query, mint=TRADED, after=after)["token"]["trades"]
        found += [edge["node"] for edge in page["edges"]]
        assert page["pageInfo"]["hasPreviousPage"] == (after is not None)
        after = page["pageInfo"]["endCursor"]
        assert after == page["edges"][-1]["cursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    listed = rest(served, f"{V1}/{TRADED}/trades?limit=500")["items"]
    assert [each["id"] for each in found] == [each["id"] for each in listed]
    assert [each["price"] for each in found] == [each["price"] for each in listed]


@pytest.mark.parametrize("sort", ["LAST_TRADE", "CREATED", "MARKET_CAP", "VOLUME", "PROGRESS"])
def test_lists_of_tokens_are_paged_in_the_order_of_rest(served: Served, sort: str) -> None:
    query = """query ($sort: TokenSort!, $after: String) {
        tokens(sort: $sort, first: 2, after: $after) {
            nodes { mintAddress } pageInfo { hasNextPage endCursor } } }"""
    found: list[str] = []
    after, more = None, True
    while more:
        page = data(served, query, sort=sort, after=after)["tokens"]
        found += [each["mintAddress"] for each in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    listed = rest(served, f"{V1}?sort={sort.lower()}&limit=100")["items"]
    assert found == [each["mint"] for each in listed]


def test_lists_are_filtered_as_by_rest(served: Served) -> None:
    query = (
        """query ($filter: TokenFilter!) { tokens(filter: $filter) { nodes { mintAddress } } }"""
    )
    for given, parameters in (
        ({"state": "GRADUATED"}, "state=graduated"),
        ({"venue": "CURVE", "progressMax": 0.5}, "venue=curve&progressMax=0.5"),
        ({"text": "coin"}, "q=coin"),
    ):
        found = data(served, query, filter=given)["tokens"]["nodes"]
        listed = rest(served, f"{V1}?{parameters}")["items"]
        assert [each["mintAddress"] for each in found] == [each["mint"] for each in listed]
        assert 0 < len(found) < len(KNOWN)


def test_a_chart_is_in_the_quote_or_in_dollars(served: Served) -> None:
    query = """query ($mint: String!, $currency: Currency!) { token(mintAddress: $mint) {
        chart(interval: M5, limit: 7, currency: $currency, from: 0, to: "2030-01-01T00:00:00Z") {
            time open high low close volume quoteVolumeUnits buys } } }"""
    for currency in ("quote", "usd"):
        chart = rest(served, f"{V1}/{TRADED}/chart?interval=5m&limit=7&currency={currency}")
        found = data(served, query, mint=TRADED, currency=currency.upper())["token"]["chart"]
        names = ("time", "open", "high", "low", "close", "volume", "quoteVolumeUnits", "buys")
        assert found == [{name: each[name] for name in names} for each in chart["items"]]
        assert found


def test_holders_top_traders_and_wallets_are_those_of_rest(served: Served) -> None:
    found = data(
        served,
        """query ($mint: String!, $wallet: String!) {
            token(mintAddress: $mint) {
                holders topHolders(limit: 3) { wallet balanceUnits share classes }
                holderSummary { top10Share gini developer { wallets } }
                topTraders(limit: 1) { wallet realisedUnits token { symbol } } }
            wallet(address: $wallet) {
                totals { quoteSymbol positions realisedUnits firstTradeAt }
                positions(first: 1) { nodes { mintAddress state token { mintAddress } }
                    pageInfo { hasNextPage } }
                trades(first: 2) { nodes { id mintAddress side token { symbol } } }
                realised { time realisedUnits } } }""",
        mint=TRADED,
        wallet=WALLET,
    )
    holders = rest(served, f"{V1}/{TRADED}/holders?limit=3")
    token, wallet = found["token"], found["wallet"]
    assert token["holders"] == holders["holders"]
    assert token["holderSummary"]["gini"] == holders["gini"]
    assert token["holderSummary"]["top10Share"] == holders["top10Share"]
    assert [each["balanceUnits"] for each in token["topHolders"]] == [
        each["balanceUnits"] for each in holders["items"]
    ]
    (trader,) = rest(served, f"{V1}/{TRADED}/top-traders?limit=1")["items"]
    assert token["topTraders"][0]["realisedUnits"] == trader["realisedUnits"]
    portfolio = rest(served, f"{WALLETS_V1}/{WALLET}/portfolio")
    assert [each["realisedUnits"] for each in wallet["totals"]] == [
        each["realisedUnits"] for each in portfolio["totals"]
    ]
    assert wallet["positions"]["nodes"][0]["mintAddress"] == portfolio["items"][0]["mint"]
    assert wallet["positions"]["pageInfo"]["hasNextPage"]
    trades = rest(served, f"{WALLETS_V1}/{WALLET}/trades?limit=2")["items"]
    assert [each["id"] for each in wallet["trades"]["nodes"]] == [each["id"] for each in trades]
    days = rest(served, f"{WALLETS_V1}/{WALLET}/realised")["items"]
    assert [each["realisedUnits"] for each in wallet["realised"]] == [
        each["realisedUnits"] for each in days
    ]


def test_feeds_search_and_creators_are_those_of_rest(served: Served) -> None:
    creator = rest(served, f"{V1}/{GRADUATED}")["creator"]
    found = data(
        served,
        """{ launches(first: 2) { nodes { slot token { mintAddress } } }
            graduations { nodes { pool feeUnits token { mintAddress isGraduated } } }
            aboutToGraduate { nodes { mintAddress } }
            search(text: "grad", inDescription: true, state: GRADUATED) {
                total items { mintAddress token { isGraduated } } } }""",
    )
    launches = rest(served, "/api/v1/launches?limit=2")["items"]
    assert [each["slot"] for each in found["launches"]["nodes"]] == [it["slot"] for it in launches]
    graduations = rest(served, "/api/v1/graduations")["items"]
    assert [each["pool"] for each in found["graduations"]["nodes"]] == [
        each["pool"] for each in graduations
    ]
    assert found["search"]["items"] == [{"mintAddress": GRADUATED, "token": {"isGraduated": True}}]
    assert creator is not None


def test_rankings_and_the_market_are_those_of_rest(served: Served) -> None:
    found = data(
        served,
        """{ rankings(ranking: TRADES, window: H24, first: 2) {
                window toTime nextPage items { rank mintAddress trades token { symbol } } }
            market { time tokens windows { h24 { trades volumeSolUnits } }
                mostTraded { mintAddress } } }""",
    )
    board = rest(served, "/api/v1/leaderboards?ranking=trades&window=24h&limit=2")
    assert found["rankings"]["window"] == "H24"
    assert found["rankings"]["toTime"] == board["toTime"]
    assert str(found["rankings"]["nextPage"]) == board["next"]
    assert [(it["rank"], it["mintAddress"]) for it in found["rankings"]["items"]] == [
        (it["rank"], it["mint"]) for it in board["items"]
    ]
    market = rest(served, "/api/v1/market")
    assert found["market"]["tokens"] == market["tokens"]
    assert found["market"]["windows"]["h24"] == {
        name: market["windows"]["24h"][name] for name in ("trades", "volumeSolUnits")
    }
    assert [it["mintAddress"] for it in found["market"]["mostTraded"]] == [
        it["mint"] for it in market["mostTraded"]
    ]


def test_what_is_proven_is_told_as_by_rest_and_dates_each_answer() -> None:
    log = CertifiedLog()
    log.append(created(30, TRADED), curve_traded(31, TRADED))
    for slot in (30, 31):
        log.seal(slot)
    served = Served([event for _, _, event in log])
    query = """query ($from: Long, $to: Long) {
        completeness(fromSlot: $from, toSlot: $to) {
            state fromSlot toSlot blocks decoded head { hash position } missing { fromSlot } }
        slot(slot: 31) { state certificate { hash previousHash decoded time } } }"""
    answer = asked(served, query, **{"from": 30, "to": 31})
    told = rest(served, "/api/v1/completeness?fromSlot=30&toSlot=31")
    found = answer["data"]["completeness"]
    assert found["state"] == told["state"].upper() == "COMPLETE"
    assert found["decoded"] == told["decoded"] == 2
    assert found["head"] == {name: told["head"][name] for name in ("hash", "position")}
    slot, proof = answer["data"]["slot"], rest(served, "/api/v1/slots/31")
    assert slot["state"] == "CERTIFIED"
    names = ("hash", "previousHash", "decoded", "time")
    assert slot["certificate"] == {name: proof["certificate"][name] for name in names}
    assert answer["extensions"]["slot"] == 31
    assert answer["extensions"]["slotTime"] == proof["certificate"]["time"]
    assert code(asked(served, query, **{"from": 2, "to": 1})) == "BAD_USER_INPUT"


def test_every_answer_says_up_to_where_it_holds_everything(served: Served) -> None:
    answer = asked(served, "{ tokens(first: 1) { nodes { lastTradeAt } } }")
    ready = rest(served, "/readyz")
    assert answer["extensions"]["logPosition"] == len(MARKET) == ready["logPosition"]
    read_models = data(served, "{ readModels { name position } }")["readModels"]
    assert {each["name"]: each["position"] for each in read_models} == {
        each["name"]: each["position"] for each in ready["readModels"]
    }


@pytest.mark.parametrize(
    "query",
    [
        '{ token(mintAddress: "no mint") { name } }',
        "{ tokens(first: 0) { nodes { name } } }",
        "{ tokens(first: 101) { nodes { name } } }",
        '{ tokens(after: "nonsense") { nodes { name } } }',
        '{ tokens(after: "\\u0000") { nodes { name } } }',
        '{ launches(after: "x") { nodes { slot } } }',
        '{ search(text: "\\u0000") { total } }',
        '{ tokens(filter: {text: "\\u0000"}) { nodes { name } } }',
        "{ tokens(filter: {ageMin: -1}) { nodes { name } } }",
        "{ tokens(filter: {progressMin: 1, progressMax: 0}) { nodes { name } } }",
        "{ search(marketCapMin: 2, marketCapMax: 1) { total } }",
    ],
)
def test_an_argument_that_cannot_be_is_refused_with_what_it_should_be(
    served: Served, query: str
) -> None:
    answer = asked(served, query)
    assert code(answer) == "BAD_USER_INPUT"
    assert answer["data"] is None or None in answer["data"].values()


def test_a_failing_store_is_unavailable_and_a_bug_tells_nothing_of_the_inside(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = f'{{ token(mintAddress: "{TRADED}") {{ holders name }} }}'

    async def broken(*_: object, **__: object) -> None:
        raise ValueError("secret of the inside")

    monkeypatch.setattr(served.reads, "holders_of", broken)
    answer = asked(served, query)
    assert answer["data"]["token"]["name"]
    assert code(answer) == "INTERNAL_SERVER_ERROR"
    assert "secret" not in str(answer)
    served.reads.down = True
    assert code(asked(served, query)) == "UNAVAILABLE"


def test_parse_and_validation_errors_have_codes_and_places(served: Served) -> None:
    assert code(asked(served, "{ token")) == "GRAPHQL_PARSE_FAILED"
    answer = asked(served, "{ nothing }")
    assert code(answer) == "GRAPHQL_VALIDATION_FAILED"
    assert answer["errors"][0]["locations"] == [{"line": 1, "column": 3}]
    assert "data" not in answer
    answer = asked(served, "query a { __typename } query b { __typename }")
    assert code(answer) == "OPERATION_RESOLUTION_FAILURE"
    answer = asked(served, "query ($n: Int!) { tokens(first: $n) { nodes { name } } }", n="x")
    assert code(answer) == "BAD_USER_INPUT"


def test_the_newer_media_type_tells_of_errors_by_the_status(served: Served) -> None:
    headers = {"Accept": "application/graphql-response+json"}
    post = served.client.simulate_post
    good = post("/graphql", json={"query": "{ __typename }"}, headers=headers)
    assert (good.status_code, good.headers["content-type"]) == (200, headers["Accept"])
    assert good.json == {"data": {"__typename": "Query"}}
    bad = post("/graphql", json={"query": "{ nothing }"}, headers=headers)
    assert bad.status_code == 400


def test_queries_can_be_asked_by_get(served: Served) -> None:
    parameters = {
        "query": "query a($n: Int!) { tokens(first: $n) { nodes { mintAddress } } }",
        "variables": '{"n": 1}',
        "operationName": "a",
    }
    found = served.client.simulate_get("/graphql", params=parameters)
    assert len(found.json["data"]["tokens"]["nodes"]) == 1
    assert found.headers["curvetape-position"] == str(len(MARKET))
    for broken in ({"query": "{ __typename }", "variables": "["}, {"variables": "{}"}):
        answer = served.client.simulate_get("/graphql", params=broken)
        assert code(answer.json) == "BAD_REQUEST"


def test_people_get_a_page_that_loads_nothing_from_elsewhere(served: Served) -> None:
    page = served.client.simulate_get("/graphql", headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert "http:" not in page.text
    assert "https:" not in page.text
    assert "connect-src 'self'" in page.headers["content-security-policy"]
    schema = served.client.simulate_get("/graphql/schema.graphql")
    assert "type Token {" in schema.text


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'[{"query": "{ __typename }"}]', "application/json", 400),
        (b'{"query": 1}', "application/json", 400),
        (b'{"query": "\\ud800"}', "application/json", 400),
        (b'{"query": "{ __typename }", "variables": []}', "application/json", 400),
        (b"{ __typename }", "application/graphql", 415),
        (b" " * (REQUEST_BYTES_MAX + 1), "application/json", 413),
    ],
)
def test_what_is_no_request_is_refused(served: Served, body: bytes, kind: str, status: int) -> None:
    headers = {"Content-Type": kind}
    answer = served.client.simulate_post("/graphql", body=body, headers=headers)
    assert answer.status_code == status
    assert code(answer.json) == "BAD_REQUEST"


def test_without_introspection_the_schema_is_not_told() -> None:
    served = Served(limits=Limits(introspection=False))
    told = asked(served, "{ __schema { types { name } } }")
    assert "data" not in told
    assert "introspection has been disabled" in told["errors"][0]["message"]
    misspelt = asked(served, "{ tokns { nodes { name } } }")
    assert "Did you mean" not in str(misspelt)
    assert served.client.simulate_get("/graphql/schema.graphql").status_code == 404
    assert "Did you mean" in str(asked(Served(), "{ tokns { nodes { name } } }"))
