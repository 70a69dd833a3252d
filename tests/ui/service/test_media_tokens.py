"""Media tokens: keys that cannot be guessed."""

from __future__ import annotations

from pathlib import Path

from ui.service.media_tokens import MediaTokens, ServedFile


def test_keys_cannot_be_guessed_and_old_ones_go() -> None:
    tokens: MediaTokens[ServedFile] = MediaTokens(size=2)
    keys = [tokens.put(ServedFile(Path(str(number)), "video/mp4")) for number in range(3)]
    assert len(set(keys)) == 3
    assert all(len(key) >= 43 for key in keys), "256 bits"
    assert tokens.find(keys[0]) is None
    assert tokens.find(keys[2]) == ServedFile(Path("2"), "video/mp4")
    assert tokens.find("../../etc/passwd") is None
