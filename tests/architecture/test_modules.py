"""Modules are small, say what they are for, and hide no error and no lint finding."""

import ast
import io
import re
import tokenize
from collections.abc import Callable

import pytest

from curvetape.testing.checkout import ROOT, modules, name

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
_BROAD = {"Exception", "BaseException"}
_SUPPRESSION = re.compile(r"#\s*(?:ruff:\s*)?noqa\b|#\s*type:\s*ignore\b")
_REASONED = re.compile(
    r"#\s*(?:(?:ruff:\s*)?noqa:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|type:\s*ignore\[[a-z-]+(?:,\s*[a-z-]+)*\])"
    r"\s+(?:#|-)\s*[^\s#-]"
)

Rule = Callable[[str], list[str]]


def too_long(source: str) -> list[str]:
    """A module of more lines than one reads at a sitting."""
    lines = source.count("\n")
    return [f"{lines} lines, at most {MODULE_LINES_MAX}"] if lines > MODULE_LINES_MAX else []


def long_functions(source: str) -> list[str]:
    """Functions of more lines than fit a screen."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                found.append(f"{node.name} has {lines} lines, at most {FUNCTION_LINES_MAX}")
    return found


def without_purpose(source: str) -> list[str]:
    """A module that does not say what it is for."""
    return [] if ast.get_docstring(ast.parse(source)) else ["no module docstring"]


def swallowed(source: str) -> list[str]:
    """Handlers that catch everything, bugs too, and do not raise it again."""
    return [
        f"line {node.lineno} catches everything"
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.ExceptHandler) and _catches_all(node) and not _raises(node))
        or (isinstance(node, ast.Call) and _suppresses_all(node))
    ]


def unreasoned(source: str) -> list[str]:
    """Findings of a tool that are silenced without naming the rule or the reason."""
    return [
        f"line {token.start[0]}: {token.string}"
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
        and _SUPPRESSION.search(token.string)
        and not _REASONED.search(token.string)
    ]


def _names(node: ast.expr | None) -> set[str]:
    return set() if node is None else {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _catches_all(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or bool(_names(handler.type) & _BROAD)


def _raises(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _suppresses_all(call: ast.Call) -> bool:
    called = call.func.attr if isinstance(call.func, ast.Attribute) else _names(call.func)
    return called in ("suppress", {"suppress"}) and any(_names(a) & _BROAD for a in call.args)


@pytest.mark.parametrize("rule", [too_long, long_functions, swallowed, unreasoned])
def test_every_module_keeps_the_rule(rule: Rule) -> None:
    broken = {name(path): rule(path.read_text()) for path in modules()}
    assert {path: found for path, found in broken.items() if found} == {}


def test_every_module_says_what_it_is_for() -> None:
    """A test module may let the names of its tests say it."""
    shipped = [path for path in modules() if not name(path).startswith("tests/")]
    assert [name(path) for path in shipped if without_purpose(path.read_text())] == []


_LONG_FUNCTION = "async def f() -> None:\n" + "    g()\n" * FUNCTION_LINES_MAX


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (too_long, "x = 1\n" * (MODULE_LINES_MAX + 1)),
        (long_functions, _LONG_FUNCTION),
        (without_purpose, "# says nothing\nx = 1\n"),
        (swallowed, "try:\n    f()\nexcept:\n    pass\n"),
        (swallowed, "try:\n    f()\nexcept Exception as error:\n    log(error)\n"),
        (swallowed, "try:\n    f()\nexcept (OSError, BaseException):\n    raise Other\n"),
        (swallowed, "with suppress(Exception):\n    f()\n"),
        (swallowed, "with contextlib.suppress(OSError, Exception):\n    f()\n"),
        (unreasoned, "f()  # noqa\n"),
        (unreasoned, "f()  # noqa: S603\n"),
        (unreasoned, "f()  # type: ignore\n"),
        (unreasoned, "f()  # type: ignore[arg-type]\n"),
        (unreasoned, "f()  # type: ignore  # it sleeps\n"),
        (unreasoned, "# ruff: noqa: PLR1730\n"),
    ],
)
def test_what_breaks_a_rule_is_noticed(rule: Rule, source: str) -> None:
    assert rule(source)


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (too_long, "x = 1\n" * MODULE_LINES_MAX),
        (long_functions, _LONG_FUNCTION.replace("    g()\n", "", 1)),
        (swallowed, "try:\n    f()\nexcept OSError:\n    pass\n"),
        (swallowed, "try:\n    f()\nexcept BaseException:\n    undo()\n    raise\n"),
        (swallowed, "with suppress(ProcessLookupError):\n    f()\n"),
        (unreasoned, "f()  # noqa: S603, S607  # our own program\n"),
        (unreasoned, "f()  # type: ignore[arg-type]  # it sleeps it\n"),
        (unreasoned, "f()  # noqa: S311 - a market's chance, not a secret\n"),
        (unreasoned, "text = '# noqa'\n"),
    ],
)
def test_what_keeps_a_rule_is_left_alone(rule: Rule, source: str) -> None:
    assert rule(source) == []


def ignores_without_reason(pyproject: str) -> list[str]:
    """Rules that the whole project or a folder switches off without saying why."""
    listed = re.search(r"^ignore = \[\n(.*?)^\]", pyproject, re.MULTILINE | re.DOTALL)
    folders = re.search(r"per-file-ignores\]\n(.*?)(?:^\[|\Z)", pyproject, re.MULTILINE | re.DOTALL)
    lines = [line for found in (listed, folders) if found for line in found[1].splitlines()]
    return [line.strip() for line in lines if line.strip() and "#" not in line]


def test_every_rule_that_is_switched_off_has_its_reason() -> None:
    assert ignores_without_reason((ROOT / "pyproject.toml").read_text()) == []


def test_a_rule_that_is_switched_off_silently_is_noticed() -> None:
    project = 'ignore = [\n  "D105", # why\n  "D107",\n]\n[x.per-file-ignores]\n"a" = ["S"]\n'
    assert ignores_without_reason(project) == ['"D107",', '"a" = ["S"]']
