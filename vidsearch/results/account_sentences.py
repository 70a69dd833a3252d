"""Sentences about the entries of searched sources that are no videos."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vidsearch.results.words import counted
from vidsearch.text.printable import printable
from vidsearch.video.discovery.account import Account

_MOST_GROUPS = 8
_MOST_PATHS = 5


def account_lines(account: Account) -> list[str]:
    """Return a line about each kind of entry that is present; folders and videos have none.

    Example:
        >>> account_lines(Account(videos=2, passed_over={".xmp": 12, "": 1}))
        ['Passed over 13 files: .xmp 12, no ending 1.']
    """
    lines = []
    passed_over = _groups(account.passed_over, lambda ending: ending or "no ending")
    if passed_over:
        count = counted(sum(account.passed_over.values()), "file")
        text = account.text_with_video_ending
        note = f" ({text:,} with the ending of a video hold text or other content)" if text else ""
        lines.append(f"Passed over {count}: {passed_over}{note}.")
    excluded = _groups(account.excluded, printable)
    if excluded:
        count = counted(sum(account.excluded.values()), "file")
        more = " or more" if account.uncounted else ""
        lines.append(f"Excluded {count}{more}: {excluded}.")
    unused = [printable(rule) for rule, files in account.excluded.items() if not files]
    if unused:
        lines.append(f"Excluded nothing: {', '.join(unused)}.")
    if account.repeated:
        lines.append(
            f"Further names of files and folders that were found before: {account.repeated}."
        )
    lines += _paths("Links without a target", account.dangling)
    lines += _paths("Pipes, sockets and devices", account.special)
    reasons = (f"{path} ({reason})" for path, reason in account.unreadable.items())
    return lines + _paths("Cannot be read", tuple(reasons))


def _groups(counts: Mapping[str, int], name: Callable[[str], str]) -> str:
    """Return the largest counts, each behind its name, and the sum of the others."""
    present = sorted((-files, key) for key, files in counts.items() if files)
    groups = [f"{name(key)} {-negative:,}" for negative, key in present[:_MOST_GROUPS]]
    rest = -sum(negative for negative, _ in present[_MOST_GROUPS:])
    return ", ".join([*groups, *([f"others {rest:,}"] if rest else [])])


def _paths(title: str, paths: Sequence[str]) -> list[str]:
    """Return one line that names the first paths; no line without a path."""
    if not paths:
        return []
    names = [printable(path) for path in paths[:_MOST_PATHS]]
    more = len(paths) - len(names)
    return [f"{title} ({len(paths):,}): {', '.join(names)}{f' and {more:,} more' if more else ''}."]
