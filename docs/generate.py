"""Pages that mkdocs makes while it builds: the commands and the Python modules.

Runs inside ``mkdocs build`` (plugin gen-files), from the project folder.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mkdocs_gen_files

from trainer.config.recipes import RECIPES
from trainer.config.train import TrainConfig
from vidsearch.commands.reference import to_markdown

PACKAGES = ("vidsearch", "pipelines", "trainer")
PYTHON = Path("reference/python")


def modules() -> Iterator[tuple[str, str, Path]]:
    """Yield every public module: dotted name, first line of its docstring, source file."""
    for package in PACKAGES:
        for path in sorted(Path(package).rglob("*.py")):
            names = path.with_suffix("").parts
            if any(name.startswith("_") and name != "__init__" for name in names):
                continue
            docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
            if docstring is None:
                continue
            dotted = ".".join(names[:-1] if names[-1] == "__init__" else names)
            yield dotted, docstring.splitlines()[0], path


def write_commands() -> None:
    """Write the page of all commands from their parsers."""
    with mkdocs_gen_files.open("reference/commands.md", "w") as page:
        page.write(to_markdown())


def write_modules() -> None:
    """Write a page per module, and the navigation over all of them."""
    navigation = mkdocs_gen_files.Nav()
    table = ["# Python modules", "", "The public names are in three packages.", ""]
    table += [
        "- `from vidsearch import Archive, Catalog, SearchOptions`",
        "- `from pipelines import index, IndexConfig, ClusterConfig`",
        "- `trainer`: the trainer; its public door is the command `vidsearch train`.",
        "",
        "| module | content |",
        "|---|---|",
    ]
    for dotted, summary, path in modules():
        page = Path(*dotted.split(".")).with_suffix(".md")
        if path.name == "__init__.py":
            page = Path(*dotted.split("."), "index.md")
        with mkdocs_gen_files.open(PYTHON / page, "w") as file:
            file.write(f"# {dotted}\n\n::: {dotted}\n")
        mkdocs_gen_files.set_edit_path(PYTHON / page, path)
        navigation[tuple(dotted.split("."))] = page.as_posix()
        table.append(f"| [`{dotted}`]({page.as_posix()}) | {summary} |")
    with mkdocs_gen_files.open(PYTHON / "index.md", "w") as file:
        file.write("\n".join(table) + "\n")
    with mkdocs_gen_files.open(PYTHON / "SUMMARY.md", "w") as file:
        file.writelines(["* [Modules](index.md)\n", *navigation.build_literate_nav()])


def meanings(config: type[Any]) -> dict[str, str]:
    """Return the meaning of every field, from the section ``Attributes`` of the docstring."""
    section = inspect.cleandoc(config.__doc__ or "").partition("Attributes:\n")[2]
    section = textwrap.dedent(re.split(r"\n(?=\S)", section, maxsplit=1)[0])
    entries = re.split(r"\n(?=\w+: )", section.strip())
    pairs = (entry.partition(": ") for entry in entries)
    return {name: " ".join(text.split()) for name, _, text in pairs}


def fields_of(config: Any, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield every field of a configuration, nested ones too: TOML key, default, meaning."""
    texts = meanings(type(config))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from fields_of(value, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", repr(value), texts[field.name]


def write_config() -> None:
    """Write the page of the training configuration from its dataclasses."""
    lines = [
        "# Training configuration",
        "",
        "`config.toml` of a run holds all fields; `vidsearch train config.toml` takes such a file.",
        "`--set field=value` overrides one. Defaults are those of the classes in `trainer/config`;",
        f"the recipes ({', '.join(f'`{name}`' for name in RECIPES)}) set others:",
        "`vidsearch train RECIPE --print-config` prints them.",
        "",
        "| field | default | meaning |",
        "|---|---|---|",
    ]
    for name, default, meaning in fields_of(TrainConfig()):
        text = meaning.replace("``", "`").replace("|", r"\|")
        lines.append(f"| `{name}` | `{default}` | {text} |")
    with mkdocs_gen_files.open("reference/config.md", "w") as page:
        page.write("\n".join(lines) + "\n")


write_commands()
write_config()
write_modules()
