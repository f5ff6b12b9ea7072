"""What no file of the project may say: promises, places and numbers that mean nothing elsewhere."""

import ast
import re

import pytest

from curvetape.testing.checkout import modules, name, texts

# A middle dot stands in each pattern and sample, so that this file does not say them itself.
_BANNED = [
    ("a promise to do it later", r"(?-i:\bTO·DO\b)", "TO·DO: mend"),
    ("a promise to do it later", r"(?-i:\bFIX·ME\b)", "FIX·ME"),
    ("code that is not there", r"NotImple·mentedError", "raise NotImple·mentedError"),
    ("a host of a package registry", r"py·pi\.org", "https://py·pi.org/simple"),
    ("a host of a package registry", r"python·hosted\.org", "files.python·hosted.org"),
    ("a host of a package registry", r"registry\.·npmjs", "registry.·npmjs.org"),
    ("a host of a package registry", r"crates\.·io", "https://crates.·io"),
    ("a host of a package registry", r"proxy\.·golang", "proxy.·golang.org"),
    ("a host of a package registry", r"deb\.·debian", "deb.·debian.org"),
    ("a folder of one machine", r"(?<![\w.])/ho·me/\w", "cd /ho·me/me"),
    ("a folder of one machine", r"(?<![\w.])/Us·ers/\w", "/Us·ers/me"),
    ("a folder of one machine", r"(?<![\w.])/ro·ot/\w", "in /ro·ot/me"),
    ("a folder of one machine", r"(?<![\w.])/wo·rk/\w", '"/wo·rk/here"'),
    ("a ticket, which belongs in the commit", r"\bissue ·#?\d+\b", "see issue ·#12"),
    ("a ticket, which belongs in the commit", r"\bticket ·#?\d+\b", "ticket ·7"),
]
BANNED = [(what, re.compile(of.replace("·", ""), re.IGNORECASE)) for what, of, _ in _BANNED]
SAMPLES = [(what, sample.replace("·", "")) for what, _, sample in _BANNED]

NOT_OURS = {"LICENSE"}
"""Files whose words others chose."""

_SWITCHED_OFF = {"skip", "skipif", "xfail", "importorskip", "exit"}

_ABSENT = {"MAINNET is None", "mainnet.MAINNET is None"}
"""Recorded transactions are the one thing that tests may use and a clone does not bring."""


def banned(text: str) -> list[str]:
    """What the text says that it must not, with the line."""
    return [
        f"line {number}: {what}: {found[0]}"
        for number, line in enumerate(text.splitlines(), start=1)
        for what, pattern in BANNED
        if (found := pattern.search(line))
    ]


def pretends(source: str) -> list[str]:
    """Tests that are switched off, and assertions that hold whatever the code does."""
    found = []
    nodes = list(ast.walk(ast.parse(source)))
    excused = {
        node.func
        for node in nodes
        if isinstance(node, ast.Call) and node.args and ast.unparse(node.args[0]) in _ABSENT
    }
    for node in nodes:
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Constant) and node.test.value:
            found.append(f"line {node.lineno} asserts a constant")
        if isinstance(node, ast.Attribute) and node.attr in _SWITCHED_OFF and node not in excused:
            of = ast.unparse(node.value)
            if of in {"pytest", "pytest.mark", "mark", "unittest"}:
                found.append(f"line {node.lineno} uses {of}.{node.attr}")
        if isinstance(node, ast.ImportFrom) and node.module in {"pytest", "unittest"}:
            names = {alias.name for alias in node.names} & _SWITCHED_OFF
            found += [f"line {node.lineno} imports {one}" for one in sorted(names)]
    return found


def test_no_file_says_what_means_nothing_elsewhere() -> None:
    found = {name(path): banned(text) for path, text in texts() if name(path) not in NOT_OURS}
    assert {path: words for path, words in found.items() if words} == {}


@pytest.mark.parametrize(("what", "sample"), SAMPLES)
def test_each_of_these_words_is_noticed(what: str, sample: str) -> None:
    assert [found.split(": ")[1] for found in banned(f"plain\n{sample}\n")] == [what]


@pytest.mark.parametrize(
    "plain", ["see todo/", "docs/homework/a", "the issue of 7 tokens", "http://x/root/y"]
)
def test_words_that_only_look_like_these_are_left_alone(plain: str) -> None:
    assert banned(plain) == []


def test_no_test_is_switched_off_or_cannot_fail() -> None:
    found = {name(path): pretends(path.read_text()) for path in modules()}
    assert {path: words for path, words in found.items() if words} == {}


@pytest.mark.parametrize(
    "source",
    [
        *(f"@pytest.mark.{word}('why')\ndef test() -> None: ..." for word in _SWITCHED_OFF),
        "pytest.importorskip('redis')",
        "from pytest import skip",
        "def test() -> None:\n    assert 1",
        "def test() -> None:\n    assert 'a text'",
    ],
)
def test_a_test_that_is_switched_off_is_noticed(source: str) -> None:
    assert pretends(source)


@pytest.mark.parametrize(
    "source",
    [
        "assert False, 'cannot be'",
        "order.skip(2)",
        "sys.exit(1)",
        "mark = pytest.mark.skipif(\n    mainnet.MAINNET is None, reason='no real transactions')",
    ],
)
def test_what_is_no_switched_off_test_is_left_alone(source: str) -> None:
    assert pretends(source) == []
