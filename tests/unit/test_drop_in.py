"""What is answered in others' shapes is described as OpenAPI, and clashes with nothing of ours."""

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from api.drop_in import drop_ins
from curvetape.testing.api import Served
from curvetape.testing.pair_reads import MemoryPairReads

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
