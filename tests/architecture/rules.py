"""Rules of the source tree: language, names, docstrings, sizes and circles.

Run over some folders: ``python -m tests.architecture.rules vidsearch/photo trainer``.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("vidsearch", "pipelines", "trainer", "ui")

MAX_FILE_LINES = 350
MAX_FUNCTION_LINES = 70
MAX_FOLDER_MODULES = 14

# Openings that hide the subject of a sentence: name the thing, then the verb.
_RIDDLE = re.compile(
    r"(What|Whatever|Whether|How|Who|Whoever|Whose|Why|Where|When|Which|Nobody|Somebody|Everybody"
    r"|Something|Anything|Everything|So many|As it is|That which|Tell|Say|Of|One that|One of"
    r"|The one|Those|It)\b"
    r"|Return (what|whatever|whether|who|whose|how|why|where|when|which|those|the one|one that)\b"
)
_MARKS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
BANNED_NAMES = frozenset(
    {
        "what",
        "whatever",
        "who",
        "whose",
        "whoever",
        "why",
        "mine",
        "ours",
        "theirs",
        "told",
        "known",
        "place",
        "places",
        "one",
        "ones",
        "wanted",
        "shown",
        "seen",
        "made",
        "at",
        "kept",
        "used",
        "trouble",
    }
)
_PATHS = frozenset(
    {"str", "fspath", "path", "folder", "file", "target", "source", "photo", "video"}
)
_ARRAYS = re.compile(
    r"\b(Image|Boxes|Landmarks|Vector|Matrix|AlignedFaces|NDArray|ndarray|Tensor|Embeddings)\b"
)
_SHAPE = re.compile(
    r"\([A-Za-z0-9_*.]+,\)|\([A-Za-z0-9_*. +]+(, [A-Za-z0-9_*. +]+)+\)|scalar|H x W|0-d|any shape"
    r"|same shape"
)


def sources(*folders: str | Path) -> list[Path]:
    """Return the Python files below these folders of the project, sorted."""
    files: list[Path] = []
    for folder in folders:
        path = PROJECT / folder
        files += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return files


def _where(path: Path, line: int) -> str:
    return f"{path.relative_to(PROJECT)}:{line}"


def _documented(tree: ast.Module) -> Iterator[tuple[ast.AST, int, str | None, bool]]:
    """Yield modules, classes and functions: node, line, docstring, is public."""

    def visit(node: ast.AST, public: bool) -> Iterator[tuple[ast.AST, int, str | None, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                if any(ast.unparse(name) == "overload" for name in child.decorator_list):
                    continue
                here = public and not child.name.startswith("_")
                yield child, child.lineno, ast.get_docstring(child), here
                inside = here and isinstance(child, ast.ClassDef)
                yield from visit(child, inside)
            else:
                yield from visit(child, public)

    yield tree, 1, ast.get_docstring(tree), True
    yield from visit(tree, True)


def _loose_strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield strings that stand alone: the documentation of constants and attributes."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield node.lineno, node.value.value


def riddles(path: Path) -> Iterator[str]:
    """Yield docstrings whose opening hides the subject."""
    for line, text in _loose_strings(ast.parse(path.read_text(encoding="utf-8"))):
        if _RIDDLE.match(text.strip()):
            opening = text.strip().splitlines()[0][:60]
            yield f"{_where(path, line)}: docstring opens with {opening!r}"


def unfinished(path: Path) -> Iterator[str]:
    """Yield comments and strings with marks of unfinished work."""
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if _MARKS.search(text):
            yield f"{_where(path, number)}: mark of unfinished work: {text.strip()[:60]!r}"


def banned_names(path: Path) -> Iterator[str]:
    """Yield definitions, arguments, attributes and variables whose name says nothing."""
    found: set[tuple[int, str]] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name: str | None = None
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = node.name.lower().lstrip("_")
        elif isinstance(node, ast.arg):
            name = node.arg.lstrip("_")
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id.lower().lstrip("_")
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            name = node.attr.lstrip("_")
        if name in BANNED_NAMES:
            found.add((getattr(node, "lineno", 1), name))
    for line, name in sorted(found):
        yield f"{_where(path, line)}: identifier {name!r} names nothing; use the field's noun"


def escaped_paths(path: Path) -> Iterator[str]:
    """Yield paths in messages with ``!r``, which shows bytes of other encodings as surrogates."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FormattedValue) or node.conversion != ord("r"):
            continue
        value = node.value.func if isinstance(node.value, ast.Call) else node.value
        name = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
        if name in _PATHS:
            yield f"{_where(path, node.lineno)}: print a path with text.printable.quoted, not !r"


def undocumented(path: Path) -> Iterator[str]:
    """Yield public modules, classes, functions and methods without a docstring."""
    text = path.read_text(encoding="utf-8")
    for node, line, docstring, public in _documented(ast.parse(text)):
        if isinstance(node, ast.Module):
            if docstring is None and text.strip():
                yield f"{_where(path, line)}: module without a docstring"
            continue
        if not public or docstring is not None:
            continue
        name = getattr(node, "name", "")
        yield f"{_where(path, line)}: {name} has no docstring"


def shapeless(path: Path) -> Iterator[str]:
    """Yield public array functions whose docstring states no shape."""
    for node, line, docstring, public in _documented(ast.parse(path.read_text(encoding="utf-8"))):
        if not public or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        annotations = [a.annotation for a in arguments] + [node.returns]
        words = " ".join(ast.unparse(a) for a in annotations if a is not None)
        if _ARRAYS.search(words) and not _SHAPE.search(docstring or ""):
            yield f"{_where(path, line)}: {node.name} takes or returns arrays; state their shapes"


def too_long(path: Path) -> Iterator[str]:
    """Yield files and functions above the limits."""
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    if lines > MAX_FILE_LINES:
        yield f"{_where(path, 1)}: {lines} lines; at most {MAX_FILE_LINES}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            length = node.end_lineno - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield f"{_where(path, node.lineno)}: {node.name} has {length} lines"


def hand_layout(path: Path) -> Iterator[str]:
    """Yield comments that switch the formatter off."""
    with tokenize.open(path) as file:
        text = file.read()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and re.search(r"fmt: *(skip|off)", token.string):
            yield f"{_where(path, token.start[0])}: the formatter is switched off"


def crowded(folders: Iterable[Path]) -> Iterator[str]:
    """Yield folders with too many modules."""
    for folder in folders:
        count = len([path for path in folder.glob("*.py") if path.name != "__init__.py"])
        if count > MAX_FOLDER_MODULES:
            yield f"{folder.relative_to(PROJECT)}: {count} modules; at most {MAX_FOLDER_MODULES}"


Rule: TypeAlias = Callable[[Path], Iterator[str]]

RULES: tuple[Rule, ...] = (
    riddles,
    unfinished,
    banned_names,
    escaped_paths,
    undocumented,
    shapeless,
    too_long,
    hand_layout,
)
EVERYWHERE: tuple[Rule, ...] = (riddles, hand_layout)
"""Rules that hold in tests and benchmarks too."""


def main(arguments: list[str]) -> int:
    """Print every violation below the given folders; return 1 where there is one."""
    found = 0
    for path in sources(*(arguments or PACKAGES)):
        inside = path.relative_to(PROJECT).parts[0] in PACKAGES
        for rule in RULES if inside else EVERYWHERE:
            for line in rule(path):
                print(line)
                found += 1
    print(f"{found} violations", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
