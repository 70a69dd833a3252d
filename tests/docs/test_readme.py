"""README: length, sentences, links, and every command with its output."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.pages import PROJECT, Workspace, blocks

README = PROJECT / "README.md"
TUTORIAL = PROJECT / "docs" / "tutorial"
LONGEST_PAGE = 150
LONGEST_SENTENCE = 35
LONGEST_LINE = 120


def prose(page: Path) -> str:
    """Return the text of a page without code blocks and images; a table cell is a sentence."""
    text = re.sub(r"(?ms)^```.*?^```$", "", page.read_text(encoding="utf-8"))
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"(?m)^(#.*|[|].*)$", lambda line: line[0].replace("|", ".\n\n") + ".\n", text)


def sentences(page: Path) -> list[list[str]]:
    """Return the sentences of a page as lists of words."""
    parts = re.split(r"[.:;?!](?:\*\*)?(?=\s|$)|\n\s*\n|\n\s*[-*] |\n\s*\d+\. ", prose(page))
    return [re.findall(r"[\w@'][\w@.'/-]*", part) for part in parts]


def links(page: Path) -> list[str]:
    """Return the targets of a page's relative links and images."""
    text = re.sub(r"(?ms)^```.*?^```$", "", page.read_text(encoding="utf-8"))
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    return [t for t in targets if not t.startswith(("http://", "https://", "#"))]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    headings = re.findall(r"(?m)^#+ (.*)$", page.read_text(encoding="utf-8"))
    plain = (re.sub(r"[^\w\s-]", "", heading.lower()).strip() for heading in headings)
    return {re.sub(r"[\s-]+", "-", heading) for heading in plain}


def test_length() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= LONGEST_PAGE


def test_sentences_are_short() -> None:
    long = [" ".join(words) for words in sentences(README) if len(words) > LONGEST_SENTENCE]
    assert not long


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs"])
def test_links_lead_to_files(name: str) -> None:
    path = PROJECT / name
    for page in [path] if path.is_file() else sorted(path.rglob("*.md")):
        for link in links(page):
            target, _, anchor = link.partition("#")
            file = (page.parent / target).resolve() if target else page
            if target.startswith(("commands.md", "config.md", "python/")) or "reference/" in target:
                continue  # mkdocs makes some pages of the reference; its strict build tests links
            assert file.exists(), f"{page.name}: {link}"
            assert not anchor or anchor in anchors(file), f"{page.name}: {link}"


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs"])
def test_lines_and_paths(name: str) -> None:
    """Prose and code fit the line; no page names a path of the machine it was written on."""
    path = PROJECT / name
    for page in [path] if path.is_file() else sorted(path.rglob("*.md")):
        output = False
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            output = not output if line.startswith("```") else output
            where = f"{page.relative_to(PROJECT)}:{number}"
            assert str(PROJECT) not in line, where
            assert not re.search(r"(?<![\w.])/(root|home|tmp|work)/", line), where
            wraps = not output and not line.startswith(("|", "![", "- [", "[")) and " " in line
            assert not wraps or len(line) <= LONGEST_LINE, where


def test_make_demo_runs_the_command_of_the_tutorial() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    assert "demo: $(READY)\n\t$(VENV)/bin/vidsearch demo\n" in makefile


def test_commands(workspace: Callable[[], Workspace]) -> None:
    """Every command gives the output shown; naming in the app is done by the tutorial's script."""
    place = workspace()
    names = next(b for b in blocks(TUTORIAL / "people.md") if b.title == "name_people.py")
    faults: list[str] = []
    for block in blocks(README):
        faults += place.run(block)
        if "vidsearch ui" in block.text:
            faults += place.run(names)
            place.output("python name_people.py")
    assert not faults, "\n\n".join(faults)


def test_python_example_runs_unchanged() -> None:
    """The Python block uses public names only."""
    code = next(block.text for block in blocks(README) if block.language == "python")
    imports = re.findall(r"(?m)^from (\S+) import (.*)$", code)
    assert imports == [("pipelines", "index"), ("vidsearch", "Archive")]
