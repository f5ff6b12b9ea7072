"""What is answered in others' shapes is described as OpenAPI, and clashes with nothing of ours."""

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from api.drop_in import drop_ins
from curvetape.testing.api import V1, Served
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.events import GENESIS_S, created, curve_traded
from curvetape.testing.market import address
from curvetape.testing.pair_reads import MemoryPairReads

MINT = address("shaped")
DESCRIBED = [described_at for _, _, described_at in drop_ins(MemoryPairReads())]


@pytest.mark.parametrize("path", DESCRIBED)
def test_each_document_is_valid_and_names_each_route_once(path: str) -> None:
    document = Served().client.get(path).json
    validate(document, cls=OpenAPIV31SpecValidator)
    names = [operation["get"]["operationId"] for operation in document["paths"].values()]
    assert len(set(names)) == len(names)


def test_no_path_is_one_of_ours() -> None:
    ours = set(Served().client.get("/openapi.json").json["paths"])
    theirs = [route.path for routes, _, _ in drop_ins(MemoryPairReads()) for route in routes]
    assert not ours & set(theirs)
    assert len(set(theirs)) == len(theirs)


@pytest.mark.parametrize("path", [f"/token-pairs/v1/solana/{'x' * 5_000}", "/tokens/v1/solana/%00"])
def test_what_no_resource_reads_is_refused_or_not_found(path: str) -> None:
    assert Served().client.get(path).status_code in {200, 414}


@pytest.mark.parametrize(
    "path",
    [
        f"/latest/dex/tokens/{MINT}",
        f"/api/v2/networks/solana/tokens/{MINT}",
        f"/udf/history?symbol={MINT}&resolution=1&from=0&to={GENESIS_S + 60}",
    ],
)
def test_others_shapes_tell_position_and_freshness_as_ours_do(path: str) -> None:
    log = CertifiedLog()
    log.append(created(100, MINT, block_time_s=GENESIS_S), curve_traded(100, MINT))
    log.seal(100, block_time_s=GENESIS_S)
    client = Served([event for *_, event in log]).client
    ours, theirs = client.get(f"{V1}/{MINT}").headers, client.get(path).headers
    for name in ("curvetape-position", "curvetape-slot", "last-modified"):
        assert theirs[name] == ours[name]
