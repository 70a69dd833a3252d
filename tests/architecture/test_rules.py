"""Rules of the source tree hold: language, names, docstrings, shapes and sizes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture import rules

INSIDE = rules.sources(*rules.PACKAGES)
OUTSIDE = [
    path
    for path in rules.sources("tests", "benchmarks", "examples")
    if path != Path(rules.__file__).resolve()
]


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: str(rule.__name__))
def test_packages_keep_the_rule(rule: rules.Rule) -> None:
    assert [line for path in INSIDE for line in rule(path)] == []


@pytest.mark.parametrize("rule", rules.EVERYWHERE, ids=lambda rule: str(rule.__name__))
def test_tests_benchmarks_and_examples_keep_the_rule(rule: rules.Rule) -> None:
    assert [line for path in OUTSIDE for line in rule(path)] == []


def test_folders_hold_few_modules() -> None:
    folders = sorted({path.parent for path in INSIDE})
    assert list(rules.crowded(folders)) == []


@pytest.mark.parametrize(
    ("rule", "source", "complaint"),
    [
        (rules.riddles, 'def f():\n    """What came of it."""', "docstring opens with"),
        (rules.riddles, 'def f():\n    """Return what is left."""', "docstring opens with"),
        (rules.unfinished, "x = 1  # TODO: later", "unfinished work"),
        (rules.banned_names, "def f(place: int) -> None: ...", "identifier 'place'"),
        (rules.banned_names, "what = 1", "identifier 'what'"),
        (rules.escaped_paths, 'print(f"{str(x)!r} is missing")', "text.printable.quoted, not !r"),
        (rules.undocumented, '"""Module."""\ndef f() -> None: ...', "f has no docstring"),
        (
            rules.shapeless,
            'def f(image: Image) -> None:\n    """Draw an image."""',
            "f takes or returns arrays",
        ),
        (rules.too_long, "def f():\n" + "    x = 1\n" * 80, "f has 81 lines"),
        (rules.too_long, "x = 1\n" * 400, "400 lines"),
        (rules.hand_layout, "x = 1  # fmt: skip", "the formatter is switched off"),
    ],
)
def test_a_rule_finds_its_fault(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rule: rules.Rule,
    source: str,
    complaint: str,
) -> None:
    monkeypatch.setattr(rules, "PROJECT", tmp_path)
    path = tmp_path / "module.py"
    path.write_text(source, encoding="utf-8")
    assert any(complaint in line for line in rule(path))
