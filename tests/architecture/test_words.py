"""What no file of the project may say: promises, places and numbers that mean nothing elsewhere."""

import ast
import re
from pathlib import Path

import pytest

from curvetape.testing.checkout import modules, name, texts

# A middle dot stands in each, so that this file does not say them itself.
_BANNED = {
    "a promise to do it later": (r"\bTO·DO\b", r"\bFIX·ME\b", r"\bX·XX\b"),
    "code that is not there": (r"NotImple·mentedError",),
    "a host of a package registry": (
        r"py·pi\.org",
        r"python·hosted\.org",
        r"registry\.·npmjs",
        r"np·mjs\.com",
        r"crat·es\.io",
        r"proxy\.·golang",
        r"deb\.·debian\.org",
    ),
    "a folder of one machine": (
        r"(?<![\w.])/ho·me/\w",
        r"(?<![\w.])/Us·ers/\w",
        r"(?<![\w.])/ro·ot/\w",
        r"(?<![\w.])/wo·rk/\w",
        r"(?<![\w.])/mn·t/\w",
    ),
    "a ticket, which belongs in the commit": (r"\bissue ·#?\d+\b", r"\bticket ·#?\d+\b"),
}
_PLAIN = {r"\b": "", r"\w": "x", r"\d+": "7", r"\.": ".", "#?": "#", r"(?<![\w.])": " ", "·": ""}
BANNED = {
    what: re.compile("|".join(patterns).replace("·", ""), re.IGNORECASE)
    for what, patterns in _BANNED.items()
}
SAMPLES = [(what, pattern) for what, patterns in _BANNED.items() for pattern in patterns]

NOT_OURS = {"LICENSE"}
"""Files whose words others chose."""

_SWITCHED_OFF = {"skip", "skipif", "xfail", "importorskip", "exit"}


def banned(text: str) -> list[str]:
    """What the text says that it must not, with the line."""
    return [
        f"line {number}: {what}: {found[0]}"
        for number, line in enumerate(text.splitlines(), start=1)
        for what, pattern in BANNED.items()
        if (found := pattern.search(line))
    ]


def pretends(source: str) -> list[str]:
    """Tests that are switched off, and assertions that hold whatever the code does."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Constant) and node.test.value:
            found.append(f"line {node.lineno} asserts a constant")
        if isinstance(node, ast.Attribute) and node.attr in _SWITCHED_OFF:
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


@pytest.mark.parametrize(("what", "pattern"), SAMPLES)
def test_each_of_these_words_is_noticed(what: str, pattern: str) -> None:
    sample = pattern
    for special, plain in _PLAIN.items():
        sample = sample.replace(special, plain)
    assert [line.split(": ")[1] for line in banned(f"see {sample} there")] == [what]


@pytest.mark.parametrize(
    "plain", ["see todos/", "docs/homework/a", "the issue of 7 tokens", "http://x/root/y"]
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


@pytest.mark.parametrize("source", ["assert False, 'cannot be'", "order.skip(2)", "sys.exit(1)"])
def test_what_is_no_switched_off_test_is_left_alone(source: str) -> None:
    assert pretends(source) == []


def missing_targets(document: Path, text: str) -> list[str]:
    """Relative links and pictures of a document that lead nowhere in the checkout."""
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    local = (link.partition("#")[0] for link in links if "://" not in link)
    return [link for link in local if link and not (document.parent / link).exists()]


def test_every_link_between_documents_leads_somewhere() -> None:
    found = {
        name(path): missing_targets(path, text) for path, text in texts() if path.suffix == ".md"
    }
    assert {path: links for path, links in found.items() if links} == {}


def test_a_link_that_leads_nowhere_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("")
    text = '[a](there.md#part) [b](gone.md) [c](https://x/y) <img src="gone.svg">'
    assert missing_targets(tmp_path / "here.md", text) == ["gone.md", "gone.svg"]
