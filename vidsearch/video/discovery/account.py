"""Account of the entries of sources: every entry is counted once, or named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from vidsearch.errors import ConfigError, VidsearchError
from vidsearch.media.endings import VIDEO_ENDINGS
from vidsearch.text.printable import printable
from vidsearch.video.discovery.entries import Entry, EntryKind, VideoSource

_MOST_MESSAGES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Entries of one source or of several.

    Attributes:
        videos: Files to index.
        folders: Folders that were searched.
        repeated: Further names of files and folders found before.
        passed_over: Ending of files that are no videos -> number of files. Text with an ending of
            videos, such as TypeScript (.ts), is counted here too.
        excluded: Rule that excludes files -> number of files. A pattern of the user that excludes
            nothing has 0.
        unreadable: Path of a folder that cannot be listed, or of a file that cannot be read to find
            its kind -> reason.
        dangling: Paths of links without a target.
        special: Paths of pipes, sockets and devices.
        uncounted: Excluded folders with more files than were counted.
    """

    videos: int = 0
    folders: int = 0
    repeated: int = 0
    passed_over: Mapping[str, int] = field(default_factory=dict)
    excluded: Mapping[str, int] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    dangling: tuple[str, ...] = ()
    special: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()

    @property
    def entries(self) -> int:
        """Number of files, links and folders that were counted."""
        counts = (*self.passed_over.values(), *self.excluded.values())
        named = len(self.unreadable) + len(self.dangling) + len(self.special)
        return self.videos + self.folders + self.repeated + sum(counts) + named

    @property
    def text_with_video_ending(self) -> int:
        """Number of files passed over although their endings are those of videos."""
        return sum(count for ending, count in self.passed_over.items() if ending in VIDEO_ENDINGS)


@dataclass(frozen=True, slots=True)
class SourceFailure:
    """Source, or name in a list, that gives no video.

    Attributes:
        source: The source or the name.
        error: Reason and remedy.
    """

    source: str
    error: VidsearchError


@dataclass(frozen=True, slots=True)
class Scope:
    """Account of one folder, glob, list or prefix.

    Attributes:
        source: Absolute path or URI.
        account: Its entries.
        failures: Names in a list that give no video, or the failure of the source itself.
    """

    source: str
    account: Account
    failures: tuple[SourceFailure, ...]


@dataclass(frozen=True, slots=True)
class Discovery:
    """Result of a search of sources.

    Attributes:
        videos: Video files, each once, in the order of the sources.
        account: Entries of all sources.
        failures: Sources, and names in lists, that give no video.
        scopes: Account of every source that is not a single file.
    """

    videos: tuple[VideoSource, ...]
    account: Account
    failures: tuple[SourceFailure, ...] = ()
    scopes: tuple[Scope, ...] = ()

    def require_videos(self) -> None:
        """Raise if there is no video at all.

        Raises:
            VidsearchError: The failure of the only source, or one error for all sources.
        """
        if self.videos:
            return
        if len(self.failures) == 1:
            raise self.failures[0].error
        messages = [str(failure.error) for failure in self.failures[:_MOST_MESSAGES]]
        if len(self.failures) > _MOST_MESSAGES:
            messages.append(f"and {len(self.failures) - _MOST_MESSAGES} more")
        raise ConfigError("; ".join(messages) or "no source is named; name a folder or a video")


class Tally:
    """Counter of entries.

    Args:
        patterns: Patterns of the user, which are listed even if they exclude nothing.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._kinds: Counter[EntryKind] = Counter()
        self._passed_over: Counter[str] = Counter()
        self._excluded: Counter[str] = Counter(dict.fromkeys(patterns, 0))
        self._unreadable: dict[str, str] = {}
        self._named: dict[EntryKind, list[str]] = {EntryKind.DANGLING: [], EntryKind.SPECIAL: []}
        self._uncounted: list[str] = []

    @property
    def entries(self) -> int:
        """Number of entries."""
        return self._kinds.total()

    @property
    def is_single_file(self) -> bool:
        """True if a video is the only entry."""
        return self.entries == 1 and self._kinds[EntryKind.VIDEO] == 1

    def add(self, entry: Entry) -> None:
        """Count an entry."""
        self._kinds[entry.kind] += 1
        if entry.kind is EntryKind.PASSED_OVER:
            self._passed_over[printable(entry.detail)] += 1
        elif entry.kind is EntryKind.EXCLUDED:
            if entry.files:
                self._excluded[entry.detail] += entry.files
            if not entry.complete:
                self._uncounted.append(entry.uri)
        elif entry.kind is EntryKind.UNREADABLE:
            self._unreadable[entry.uri] = entry.detail
        elif entry.kind in self._named:
            self._named[entry.kind].append(entry.uri)

    def account(self) -> Account:
        """Return the account of the entries counted so far."""
        return Account(
            videos=self._kinds[EntryKind.VIDEO],
            folders=self._kinds[EntryKind.FOLDER],
            repeated=self._kinds[EntryKind.REPEATED],
            passed_over=dict(sorted(self._passed_over.items())),
            excluded=dict(sorted(self._excluded.items())),
            unreadable=dict(self._unreadable),
            dangling=tuple(self._named[EntryKind.DANGLING]),
            special=tuple(self._named[EntryKind.SPECIAL]),
            uncounted=tuple(self._uncounted),
        )
