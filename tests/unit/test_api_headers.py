"""What every answer says about itself: its position, its tag, who may read it."""

import re

import pytest
from openapi_spec_validator import validate

from api.documents import CACHE
from api.endpoint import CURRENT
from curvetape.testing.api import V1, WALLETS_V1, Served
from curvetape.testing.events import created
from curvetape.testing.market import MARKET, TRADED, WALLET, address

DATA = [
    V1,
    *(f"{V1}/{TRADED}{part}" for part in ("", "/chart", "/trades", "/top-traders")),
    f"{V1}/{TRADED}/holders",
    *(f"{WALLETS_V1}/{WALLET}/{part}" for part in ("portfolio", "trades", "realised")),
]
DOCUMENTS = ["/", "/openapi.json"]
OTHERS = ["/healthz", "/readyz"]


@pytest.fixture
def served() -> Served:
    return Served()


@pytest.mark.parametrize("path", DATA)
def test_data_tells_the_log_position_that_it_is_from(served: Served, path: str) -> None:
    assert served.client.get(path).headers["curvetape-position"] == str(len(MARKET))


def test_without_any_event_the_position_is_the_start() -> None:
    result = Served([]).client.get(V1)
    assert (result.json, result.headers["curvetape-position"]) == ({"items": [], "next": None}, "0")


@pytest.mark.parametrize("path", DATA)
def test_an_answer_that_still_holds_is_not_sent_again(served: Served, path: str) -> None:
    first = served.client.get(path)
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    assert first.headers["cache-control"] == CURRENT
    for sent in (tag, f'"x", {tag}', tag.removeprefix("W/")):
        again = served.client.get(path, headers={"If-None-Match": sent})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["curvetape-position"] == str(len(MARKET))


@pytest.mark.parametrize("path", DATA)
@pytest.mark.parametrize("sent", ['W/"x"', "*", "garbage", '"'])
def test_any_other_tag_gets_the_answer(served: Served, path: str, sent: str) -> None:
    assert served.client.get(path, headers={"If-None-Match": sent}).status_code == 200


@pytest.mark.parametrize("path", DATA)
def test_an_event_makes_a_new_tag(served: Served, path: str) -> None:
    tag = served.client.get(path).headers["etag"]
    served.add(created(9_000, address("another")))
    fresh = served.client.get(path, headers={"If-None-Match": tag})
    assert fresh.status_code == 200
    assert fresh.headers["etag"] != tag


def test_a_tag_does_not_hide_that_a_parameter_is_wrong(served: Served) -> None:
    tag = served.client.get(V1).headers["etag"]
    wrong = served.client.get(f"{V1}?limit=0", headers={"If-None-Match": tag})
    assert wrong.status_code == 400


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_document_may_be_kept_and_is_not_sent_twice(served: Served, path: str) -> None:
    first = served.client.get(path)
    assert first.headers["cache-control"] == CACHE
    again = served.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", OTHERS)
def test_the_state_of_the_process_is_never_kept(served: Served, path: str) -> None:
    assert served.client.get(path).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", [*DATA, *DOCUMENTS, *OTHERS])
def test_head_answers_as_get_without_the_body(served: Served, path: str) -> None:
    got, head = served.client.get(path), served.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == got.headers


@pytest.mark.parametrize("path", [*DATA, *DOCUMENTS, *OTHERS])
def test_options_lists_the_methods(served: Served, path: str) -> None:
    assert served.client.options(path).headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", [V1, "/nope", "/", f"{V1}?limit=0"])
def test_browsers_are_told_to_run_and_guess_nothing(served: Served, path: str) -> None:
    headers = served.client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "script" not in headers["content-security-policy"]


def test_a_page_of_any_origin_may_read_answers_and_their_headers(served: Served) -> None:
    for path in (V1, f"{V1}?limit=0"):
        headers = served.client.get(path, headers={"Origin": "https://example.org"}).headers
        assert headers["access-control-allow-origin"] == "*"
        exposed = headers["access-control-expose-headers"].split(", ")
        # Of these browsers show Last-Modified by themselves: Date less it is how old an answer is.
        assert {"Curvetape-Position", "Curvetape-Slot", "Date", "Age"} <= set(exposed)
        assert "vary" not in headers


def test_only_the_configured_origins_may_read_answers() -> None:
    client = Served(cors_origins=["https://example.org"]).client
    allowed = client.get(V1, headers={"Origin": "https://example.org"}).headers
    refused = client.get(V1, headers={"Origin": "https://example.com"}).headers
    assert allowed["access-control-allow-origin"] == "https://example.org"
    assert "access-control-allow-origin" not in refused
    assert allowed["vary"] == refused["vary"] == "Origin"


def test_a_browser_may_ask_first(served: Served) -> None:
    asked = {"Origin": "https://example.org", "Access-Control-Request-Method": "GET"}
    headers = served.client.options(V1, headers=asked).headers
    assert headers["access-control-allow-methods"] == "GET, HEAD"
    assert headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("path", "parameter"), [(V1, "cursor"), (DATA[2], "to"), (DATA[3], "before")]
)
def test_a_list_links_to_its_next_page_with_the_same_parameters(
    served: Served, path: str, parameter: str
) -> None:
    first = served.client.get(f"{path}?limit=1")
    link, rel = first.headers["link"].split("; ")
    assert rel == "rel=next"
    assert link == f"<{path}?limit=1&{parameter}={first.json['next']}>"
    following = served.client.get(link.strip("<>"))
    assert following.json["items"] != first.json["items"]
    assert len(following.json["items"]) == 1


def test_the_last_page_links_nowhere(served: Served) -> None:
    assert "link" not in served.client.get(V1).headers


def test_the_document_describes_every_resource_that_the_index_lists(served: Served) -> None:
    described = served.client.get("/openapi.json").json
    validate(described)
    page = served.client.get("/").text
    assert [path for path in described["paths"] if path not in page] == []
    assert all("500" in path["get"]["responses"] for path in described["paths"].values())


def test_the_document_tells_what_a_caller_without_a_key_or_with_too_many_requests_gets(
    served: Served,
) -> None:
    described = served.client.get("/openapi.json").json
    answers = {path: it["get"]["responses"] for path, it in described["paths"].items()}
    refusing = {path for path, it in answers.items() if {"401", "429"} <= it.keys()}
    assert refusing == answers.keys() - set(OTHERS)
    assert {"Retry-After", "RateLimit-Limit"} <= answers[V1]["429"]["headers"].keys()
    assert {} in described["security"]
    named = {name for each in described["security"] for name in each}
    assert named == described["components"]["securitySchemes"].keys()


def test_the_page_tells_each_parameter_and_field_and_its_links_lead_somewhere(
    served: Served,
) -> None:
    described = served.client.get("/openapi.json").json
    page = served.client.get("/").text
    for path, it in described["paths"].items():
        own = page.partition(f'id="{it["get"]["operationId"]}"')[2].partition("<h3")[0]
        assert path in own
        for parameter in it["get"]["parameters"]:
            assert f"<code>{parameter['name']}</code>" in own
    for name, shape in described["components"]["schemas"].items():
        own = page.partition(f'id="shape-{name}"')[2].partition("<h3")[0]
        for field in shape.get("properties", {}):
            assert f"<code>{field}</code>" in own
    anchors = set(re.findall(r' id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= anchors
    for path in sorted(set(re.findall(r'href="(/[^"]*)"', page)) - {"/readyz"}):
        found = served.client.get(path, headers={"Accept": "text/html, */*"})
        assert found.status_code == 200, path
