"""Tutorial: every command gives the output shown, from the first page to the last."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.docs.pages import PROJECT, Workspace, blocks, commands, matches

PAGES = [PROJECT / "docs" / "tutorial" / f"{name}.md" for name in ("search", "people", "retrain")]
INDEX = PROJECT / "docs" / "tutorial" / "index.md"


def test_set_up_is_the_only_part_that_does_not_run() -> None:
    unrun = [
        block.text for page in [INDEX, *PAGES] for block in blocks(page) if block.language == "bash"
    ]
    assert len(unrun) == 1
    assert "make setup" in unrun[0]


@pytest.mark.slow
def test_commands(workspace: Callable[[], Workspace]) -> None:
    place = workspace()
    faults = [
        fault for page in [INDEX, *PAGES] for block in blocks(page) for fault in place.run(block)
    ]
    assert not faults, "\n\n".join(faults)


def test_a_command_continues_after_a_backslash() -> None:
    block = next(b for b in blocks(PAGES[-1]) if "--set" in b.text)
    train = next(c for c in commands(block) if "train small_from_scratch" in c.line)
    assert train.line.count("\n") == 2
    assert train.output.startswith("finished: step 4")


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("a ... c", "a b c", True),
        ("a ... c", "a b\nc", False),
        ("...\nc", "a\nb\nc", True),
        ("...\nc", "c", True),
        ("a\n...", "a\nb\nc", True),
        ("a\n...", "a", True),
        ("1.5", "1x5", False),
        ("Filming ...", "Filming ...", True),
        ("a\n\nb", "a\n\nb  \n", True),
        ("a", "a\nb", False),
    ],
)
def test_wildcards(expected: str, actual: str, same: bool) -> None:
    assert matches(expected, actual) is same
