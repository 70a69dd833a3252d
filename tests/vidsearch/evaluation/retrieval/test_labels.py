"""Labels files that are refused with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vidsearch.evaluation.retrieval.conftest import labels_file
from vidsearch.catalog import Catalog
from vidsearch.errors import ConfigError
from vidsearch.evaluation.retrieval.labels import read_labels


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "line 1: columns a, b; expected a header with"),
        ("person,video\nx\n", "line 2: person .x. has no photo"),
        ("person,video\nx,group.mkv,y\n", "line 2: 3 fields; expected 2"),
        ("", "is empty; expected a header with"),
        ('person,video\nx,"group\n', "line 2: unexpected end of data; check the quotation"),
        ("person,photo,video\n,,group.mkv\n", "line 2: neither a photo nor a person"),
        ("photo,video\nPHOTOS/none.jpg,group.mkv\n", "line 2: photo .* does not exist"),
        ("photo,video\nPHOTOS/lace.jpg,other.mkv\n", "line 2: video 'other.mkv' is not in the"),
        ("person,video\nx,group.mkv\n", "line 2: person 'x' has no photo"),
        ("photo,video\nPHOTOS/lace.jpg,\n", "names no appearance in any video"),
        (
            "photo,video,start,end\nPHOTOS/lace.jpg,group.mkv,2,1\n",
            "line 2: end '1' must lie after start '2'",
        ),
        ("photo,video,start,end\nPHOTOS/lace.jpg,group.mkv,x,1\n", "line 2: time 'x'; expected"),
        ("photo,video,start,end\nPHOTOS/lace.jpg,group.mkv,1,\n", "line 2: expected both start"),
        ("photo,video,start,end\nPHOTOS/lace.jpg,,1,2\n", "line 2: a time without a video"),
        ("photo,video,start,end\nPHOTOS/lace.jpg,group.mkv,1_0,20\n", "line 2: time '1_0'; exp"),
        ("photo,video,photo\na,group.mkv,b\n", "line 1: column 'photo' occurs twice; remove one"),
        ("photo,video\nPHOTOS,group.mkv\n", "line 2: photo .* is not a file; check the path"),
    ],
)
def test_bad_labels_name_file_and_line(
    archive: Path, photos: Path, tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        read_labels(labels_file(tmp_path, photos, text), Catalog.open(archive))
