"""Accounts of the searched sources, beside the tables: ``sources/<name>.jsonl``, one a source.

The first line counts the entries of the last search. Every further line names a path, so that an
erasure can remove the lines about a video.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vidsearch.errors import CatalogWriteError
from vidsearch.storage.path import StoragePath
from vidsearch.text.json_text import json_text
from vidsearch.text.names import native_name, portable_name
from vidsearch.text.parse import read_json
from vidsearch.text.printable import one_line
from vidsearch.video.discovery.account import Account, Scope

FOLDER = "sources"
_COUNTS = ("videos", "folders", "repeated", "passed_over", "excluded")
_PATHS = ("dangling", "special", "uncounted")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """A source as its last search found it.

    Attributes:
        source: Absolute path or URI of a folder, glob, list or prefix.
        searched_at: Time of the search, ISO 8601, UTC.
        account: Its entries.
        failures: (name, type of error, reason) of every name that gave no video.
    """

    source: str
    searched_at: str
    account: Account
    failures: tuple[tuple[str, str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the status as plain lists, dictionaries, numbers and text."""
        return {
            "source": portable_name(self.source),
            "searched_at": self.searched_at,
            **account_json(self.account),
            "failures": [
                {"source": portable_name(name), "error": error, "message": message}
                for name, error, message in self.failures
            ],
        }


def account_json(account: Account) -> dict[str, Any]:
    """Return an account as plain lists, dictionaries, numbers and text."""
    return {
        **{name: getattr(account, name) for name in _COUNTS},
        "unreadable": [portable_name(path) for path in account.unreadable],
        **{name: [portable_name(path) for path in getattr(account, name)] for name in _PATHS},
    }


def write_scopes(root: StoragePath, scopes: Iterable[Scope]) -> None:
    """Store the accounts of searched sources, each in place of its earlier one.

    The accounts of folders inside a searched folder are removed: the new account includes them. A
    source without any entry is stored only if it had an account before: it may be a typing error.

    Args:
        root: Folder of the catalog.
        scopes: Accounts of one run.

    Raises:
        CatalogWriteError: The folder cannot be written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    folder = root.child(FOLDER)
    try:
        stored = {status.source: name for name, status in _stored(folder)}
        for scope in scopes:
            name = _file_name(scope.source)
            if not scope.account.entries and scope.source not in stored:
                continue
            folder.child(name).write(_content(scope, now).encode())
            inside = [other for other in stored if other.startswith(f"{scope.source.rstrip('/')}/")]
            for other in inside:
                folder.child(stored.pop(other)).remove_tree()
    except OSError as error:
        raise CatalogWriteError(
            f"{folder.uri!r} cannot be written ({one_line(error)}); check its permissions"
        ) from error


def read_scopes(root: StoragePath) -> tuple[SourceStatus, ...]:
    """Return the stored accounts, sorted by source; an incomplete file is left out.

    Args:
        root: Folder of the catalog.
    """
    statuses = (status for _, status in _stored(root.child(FOLDER)))
    return tuple(sorted(statuses, key=lambda status: status.source))


def _stored(folder: StoragePath) -> Iterator[tuple[str, SourceStatus]]:
    for name in folder.names():
        if not name.endswith(".jsonl"):
            continue
        try:
            lines = folder.child(name).read().decode("utf-8", "replace").splitlines()
            yield name, _parsed([read_json(line) for line in lines])
        except (OSError, ValueError, LookupError, TypeError):
            continue


def _file_name(source: str) -> str:
    return hashlib.sha256(portable_name(source).encode()).hexdigest()[:32] + ".jsonl"


def _content(scope: Scope, searched_at: str) -> str:
    account = scope.account
    counts = {name: getattr(account, name) for name in _COUNTS}
    lines: list[dict[str, Any]] = [
        {"source": portable_name(scope.source), "searched_at": searched_at, **counts}
    ]
    lines += [
        {"unreadable": portable_name(path), "reason": reason}
        for path, reason in account.unreadable.items()
    ]
    lines += [{name: portable_name(path)} for name in _PATHS for path in getattr(account, name)]
    lines += [
        {
            "failed": portable_name(failure.source),
            "error": type(failure.error).__name__,
            "message": str(failure.error),
        }
        for failure in scope.failures
    ]
    return "".join(json_text(line) + "\n" for line in lines)


def _parsed(lines: list[dict[str, Any]]) -> SourceStatus:
    header, named = lines[0], lines[1:]

    def paths(name: str) -> tuple[str, ...]:
        return tuple(native_name(line[name]) for line in named if name in line)

    return SourceStatus(
        source=native_name(header["source"]),
        searched_at=header["searched_at"],
        account=Account(
            videos=header["videos"],
            folders=header["folders"],
            repeated=header["repeated"],
            passed_over=header["passed_over"],
            excluded=header["excluded"],
            unreadable={
                native_name(line["unreadable"]): line["reason"]
                for line in named
                if "unreadable" in line
            },
            dangling=paths("dangling"),
            special=paths("special"),
            uncounted=paths("uncounted"),
        ),
        failures=tuple(
            (native_name(line["failed"]), line["error"], line["message"])
            for line in named
            if "failed" in line
        ),
    )
