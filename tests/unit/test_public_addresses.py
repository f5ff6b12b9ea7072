"""Which addresses strangers may send us to."""

import pytest

from adapters.metadata.public import is_public


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "104.16.0.1", "2606:4700::1111", "2a00:1450:4001:80b::200e"],
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "192.0.0.192",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
    ],
)
def test_an_address_that_is_somebodys_own_is_not_however_it_is_written(address: str) -> None:
    octets = bytes(int(part) for part in address.split("."))
    tail = f"{octets[:2].hex()}:{octets[2:].hex()}"
    assert not is_public(address)
    assert not is_public(f"::ffff:{address}"), "mapped"
    assert not is_public(f"::{tail}"), "compatible"
    assert not is_public(f"::ffff:0:{tail}"), "translated"
    assert not is_public(f"64:ff9b::{tail}"), "NAT64"
    assert not is_public(f"2002:{tail}::1"), "6to4"


@pytest.mark.parametrize(
    "address",
    [
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "2001:db8::1",
        "2001:0:808:808::1",
        "64:ff9b:1::808:808",
        "100::1",
        "4000::1",
        "2606:4700::1111%eth0",
    ],
)
def test_an_address_of_version_6_that_is_not_the_internets_is_not_public(address: str) -> None:
    assert not is_public(address)


def test_public_addresses_of_version_4_are_public_in_version_6_too() -> None:
    assert is_public("::ffff:8.8.8.8")
    assert is_public("64:ff9b::808:808")
    assert is_public("2002:808:808::1")


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f000001", "2130706433", "1.2.3"])
def test_what_is_no_address_is_not_public(text: str) -> None:
    assert not is_public(text)
