"""Where an endpoint is, and how it differs, is said in one line; its token is never repeated."""

import pytest

from adapters.yellowstone.endpoint import Endpoint, EndpointError


@pytest.mark.parametrize(
    ("text", "url", "blocks"),
    [
        ("http://127.0.0.1:10000", "http://127.0.0.1:10000", True),
        (" https://host ", "https://host", True),
        ("https://host/", "https://host", True),
        ("https://host:443?token=s3cret&blocks=no", "https://host:443", False),
        ("https://host?blocks=yes&compression=none", "https://host", True),
        ("https://host?token=a%26b%3Dc+d&compression=gzip", "https://host", True),
        ("http://[::1]:10000?", "http://[::1]:10000", True),
    ],
)
def test_an_address_is_read_with_its_quirks(text: str, url: str, blocks: bool) -> None:
    endpoint = Endpoint.parse(text)
    assert (endpoint.url, endpoint.blocks) == (url, blocks)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ftp://127.0.0.1", "not http://host:port or https://host"),
        ("127.0.0.1:10000", "not http://host:port or https://host"),
        ("https://", "not http://host:port or https://host"),
        ("https://host/v1/s3cret", "not http://host:port or https://host"),
        ("https://me:s3cret@host", "not http://host:port or https://host"),
        ("https://host#s3cret", "not http://host:port or https://host"),
        ("s3cret", "not http://host:port or https://host"),
        ("https://host:99999", "not http://host:port or https://host"),
        ("https://me:s3cret@host?colour=red", "known are token, blocks, compression"),
        ("https://host?token=a&s3cret=b", "an & in a token is written %26"),
        ("https://host?blocks=maybe", "blocks was 'maybe'; it can be yes or no"),
        ("https://host?compression=zstd", "compression was 'zstd'; it can be gzip or none"),
        ("https://host?token=s3cret&token=s3cret", "'token' twice"),
        ("https://host?token=", "the token is empty"),
        ("https://host?token=s3cret%0A", "characters that no token has"),
    ],
)
def test_an_address_of_another_form_is_refused_without_repeating_a_secret(
    text: str, words: str
) -> None:
    with pytest.raises(EndpointError) as caught:
        Endpoint.parse(text)
    assert words in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_an_address_and_a_token_may_be_given_apart() -> None:
    assert Endpoint("https://host:443", x_token="s3cret").url == "https://host:443"
    with pytest.raises(EndpointError, match="not http://host:port"):
        Endpoint("https://host?token=s3cret")
