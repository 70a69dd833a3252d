"""Reference, results and contributing guide: names, columns and options are those of the code."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.reembed_report import ReembedReport
from tests.docs.pages import PROJECT, blocks, commands
from tests.helpers.index_reports import index_report
from trainer.export.pack import ExportReport
from trainer.training.loop import RunReport
from vidsearch.archive import ArchiveStatus
from vidsearch.catalog.schema import table_schemas
from vidsearch.commands.reference import command_reference
from vidsearch.datatypes import Hit, TimeSpan
from vidsearch.doctor.findings import Finding
from vidsearch.erasure.receipt import PersonReceipt, VideoReceipt
from vidsearch.errors import NoFaceError, VidsearchError
from vidsearch.models.registry import PackStatus
from vidsearch.results import as_json

DOCS = PROJECT / "docs"
REFERENCE = DOCS / "reference"
PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


def table_rows(page: Path, heading: str) -> list[str]:
    """Return the first cells of the tables under a heading."""
    text = page.read_text(encoding="utf-8")
    section = re.split(r"(?m)^## ", text.partition(f"## {heading}\n")[2])[0]
    cells = re.findall(r"(?m)^\| (`[^|]*)\|", section)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize("name", list(table_schemas(8)))
def test_columns_of_the_catalog(name: str) -> None:
    assert table_rows(REFERENCE / "catalog.md", name) == table_schemas(8)[name].names


def keys_of(value: Any, path: str = "") -> Iterator[str]:
    """Yield the keys of a JSON value in order, nested ones with their path."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{path}/{name}"
            yield from keys_of(inner, f"{path}/{name}")
    elif isinstance(value, list) and value:
        yield from keys_of(value[0], path)


def example(name: str) -> dict[str, Any]:
    """Return the JSON example under a heading of the page."""
    text = (REFERENCE / "json.md").read_text(encoding="utf-8").partition(f"## {name}\n")[2]
    block: dict[str, Any] = json.loads(text.partition("```json\n")[2].partition("```")[0])
    return block


def test_keys_of_index() -> None:
    report = index_report()
    examples = (
        *("/failures/", "/passed_over/", "/excluded/", "/streams_not_indexed/", "/turned/"),
        "/turned_parts/",
        "/times_assumed/",
    )
    shown = [key for key in keys_of(example("index")) if not key.startswith(examples)]
    assert shown == list(keys_of(report.to_json()))


def test_keys_of_search() -> None:
    hit = Hit(
        rank=1,
        confidence=0.9,
        similarity=0.9,
        video="a.mp4",
        video_id="a" * 40,
        track_id="b" * 32,
        span=TimeSpan(0.0, 1.0),
        best_s=0.5,
        box_xyxy=np.array([0, 0, 10, 10], np.float32),
        person=None,
    )
    assert list(example("search")["hits"][0]) == list(as_json._hit(hit))


def test_keys_of_status() -> None:
    fields = set(ArchiveStatus.__dataclass_fields__)
    shown = {name for name in table_rows(REFERENCE / "json.md", "status") if name in fields}
    assert shown == fields


@pytest.mark.parametrize(
    ("heading", "fields"),
    [
        ("forget", {*VideoReceipt.__dataclass_fields__, *PersonReceipt.__dataclass_fields__}),
        ("reembed", {*ReembedReport.__dataclass_fields__}),
        ("train", {*RunReport.__dataclass_fields__, "pack"}),
        ("export", {*ExportReport.__dataclass_fields__}),
        ("models", {*PackStatus.__dataclass_fields__, "why"} - {"problem"}),
    ],
)
def test_keys_of_reports(heading: str, fields: set[str]) -> None:
    """The first column names every field of the class."""
    text = (REFERENCE / "json.md").read_text(encoding="utf-8")
    section = re.split(r"(?m)^## ", text.partition(f"## {heading}\n")[2])[0]
    rows = re.findall(r"(?m)^\| (`[^|]*) \|", section)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == fields


def test_keys_of_findings() -> None:
    """The second table of the section has the keys of every kind of finding."""
    text = (REFERENCE / "json.md").read_text(encoding="utf-8")
    section = re.split(r"(?m)^## ", text.partition("## doctor\n")[2])[0]
    rows = re.findall(r"(?m)^\| `([\w-]+)` \| (`.*) \|$", section)
    common = set(Finding.__dataclass_fields__)
    for kind in Finding.__subclasses__():
        if hasattr(kind, "code"):
            keys = set(re.findall(r"`(\w+)`", dict(rows)[kind.code])) - {"cache", "temporary"}
            assert keys == set(kind.__dataclass_fields__) - common


def test_exit_codes() -> None:
    text = (REFERENCE / "exit-codes.md").read_text(encoding="utf-8")
    stated = {int(code) for code in re.findall(r"(?m)^\| (\d+) \|", text)}
    assert {0, VidsearchError.exit_status, NoFaceError.exit_status, 3, 5, 130} <= stated


def test_pack_format_is_that_of_the_reader() -> None:
    """The documented pack.toml is the one in the docstring of its reader."""
    import vidsearch.models.pack_toml as reader

    block = next(b for b in blocks(REFERENCE / "files.md") if b.language == "toml")
    documented = (reader.__doc__ or "").partition("::\n\n")[2]
    keys = re.findall(r"(?m)^(\w+) =|^(\[.*\])$", block.text)
    assert keys == re.findall(r"(?m)^\s+(\w+) =|^\s+(\[.*\])$", documented)


def shell_lines(page: Path) -> list[str]:
    """Return the commands of a page's console and bash blocks."""
    lines = []
    for block in blocks(page):
        if block.language == "console":
            lines += [command.line for command in commands(block)]
        elif block.language == "bash":
            lines += re.sub(r"\\\n", " ", block.text).splitlines()
    return [re.sub(r"\\\n", " ", line).partition(" #")[0].strip() for line in lines]


def test_options_of_shown_commands_exist() -> None:
    """Every command in a shell block is a command of the parser, with options that it has."""
    known = {
        help_.path: {n for o in help_.options for n in o.names} for help_ in command_reference()
    }
    for page in PAGES:
        for line in shell_lines(page):
            if "vidsearch " not in line or line.startswith(
                ("docker", "git ", "export", "make", ".")
            ):
                continue
            words = shlex.split(line[line.index("vidsearch ") :].removesuffix("&"))
            if line.startswith(("pip", ".venv/bin/pip")):
                continue
            group = 3 if words[1] == "evaluate" else 2
            command = " ".join(w for w in words[:group] if w != "-v")
            assert command in known or words[1] == "-v", f"{page.name}: {line}"
            options = [w.partition("=")[0] for w in words if re.match(r"--?[a-z]", w)]
            unknown = set(options) - known.get(command, set(options))
            assert not unknown, f"{page.name}: {line}: {unknown}"


def test_named_modules_exist() -> None:
    """Every ``python -m benchmarks...`` names a module, and benchmarks/README.md names them all."""
    readme = PROJECT / "benchmarks" / "README.md"
    for page in [*PAGES, readme]:
        for name in re.findall(r"-m (benchmarks[.\w]*)", page.read_text(encoding="utf-8")):
            assert importlib.util.find_spec(name), f"{page.name}: {name}"
    text = readme.read_text(encoding="utf-8")
    for path in sorted((PROJECT / "benchmarks").glob("*/*.py")):
        if path.name != "__init__.py":
            assert path.stem in text, path.name


def test_bench_runs_modules_that_exist() -> None:
    from benchmarks.__main__ import MEASUREMENTS

    for name, *_ in MEASUREMENTS:
        assert importlib.util.find_spec(f"benchmarks.{name}"), name


def test_paths_of_the_contributing_guide_exist() -> None:
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    names = re.findall(r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:toml|txt|md|cff|py))`", text)
    roots = [PROJECT, PROJECT / "vidsearch", PROJECT / "vidsearch" / "commands"]
    roots += [
        PROJECT / "vidsearch" / "evaluation",
        PROJECT / "vidsearch" / "evaluation" / "retrieval",
    ]
    roots += [PROJECT / "vidsearch" / "index", PROJECT / "vidsearch" / "faces"]
    roots += [PROJECT / "vidsearch" / "faces" / "detect", PROJECT / "vidsearch" / "video"]
    roots += [PROJECT / "vidsearch" / "commands" / "evaluate", PROJECT / "tests", PROJECT / "docs"]
    for name in names:
        if "NAME" in name or name.startswith(("site", "shared")):
            continue
        assert any((root / name).exists() for root in roots), name


def test_every_loss_is_explained() -> None:
    from trainer.config.loss import NAMED_LOSSES

    text = (DOCS / "explanation" / "losses.md").read_text(encoding="utf-8")
    assert not [name for name in NAMED_LOSSES if f"`{name}`" not in text]


def test_every_picture_is_shown() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    pictures = [p.name for p in (DOCS / "assets").iterdir() if p.suffix != ".css"]
    assert not [name for name in pictures if name not in text]
    assert all(re.match(r"(app|page|figure|diagram)-", name) for name in pictures)


def test_site_loads_nothing_from_other_hosts() -> None:
    """Fonts, scripts and styles of the site are its own."""
    settings = (PROJECT / "mkdocs.yml").read_text(encoding="utf-8")
    assert "font: false" in settings
    assert not re.search(r"https?://", settings)
    styles = (DOCS / "assets" / "site.css").read_text(encoding="utf-8")
    assert "url(" not in styles
    assert "@import" not in styles
