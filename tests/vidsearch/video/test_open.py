"""Opening a video: wrong options are named before the file is touched."""

from __future__ import annotations

from typing import Any

import pytest

from vidsearch.errors import ConfigError
from vidsearch.video.open import open_video


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": 0}, "threads must be at least 1; got 0"),
        ({"backend": "ffmpeg"}, "backend must be one of pyav, decord; got 'ffmpeg'"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_video("/no/such/file.mp4", **options)
