"""Conversion of the 2019 feature release from pickle to Parquet."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidsearch.errors import ConfigError
from vidsearch.evaluation.iqiyi.features import convert_features


def face(vector: Any, quality: float = 1.0) -> list[Any]:
    return [7, [1, 2, 3, 4], 0.99, quality, np.asarray(vector, np.float16)]


def dump(path: Path, content: Any) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=2))
    return path


def test_conversion_keeps_every_number(tmp_path: Path) -> None:
    content = {b"b.mp4": [face([0.1, 0.2]), face([3, 4])], b"a.mp4": [face([0, 5])], b"c": []}
    made = convert_features(dump(tmp_path / "f.pickle", content), tmp_path / "f.parquet")
    assert (made.clips, made.faces, made.without_faces, made.dim) == (3, 3, 1, 2)
    rows = pq.read_table(tmp_path / "f.parquet").to_pylist()
    assert [row["clip"] for row in rows] == ["b.mp4", "b.mp4", "a.mp4"]
    assert rows[0]["embedding"] == np.array([0.1, 0.2], np.float16).tolist()
    assert (rows[0]["frame"], rows[0]["box_xyxy"]) == (7, [1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], "must hold a dictionary"),
        ({b"a": []}, "no face in any clip"),
        ({b"a": [[1, 2]]}, "clip 'a', face 0: expected"),
        ({b"a": [face([1, 2])], b"b": [face([1])]}, "clip 'b', face 0: embedding of 1 numbers"),
        ({b"a": [face([1, np.nan])]}, "clip 'a', face 0: a number that is not finite"),
        ({b"a": 5, b"b": [face([1])]}, "clip 'a': expected a list of faces"),
        ({b"a": [face([])]}, "clip 'a', face 0: expected"),
        ({b"a": [[7, "box", 1, 1, [1.0]]]}, "clip 'a', face 0: expected"),
        ({b"a": [[7, [1, 2, 3], 1, 1, [1.0]]]}, "clip 'a', face 0: a box of 3 numbers"),
        ({b"a": [[-7, [1, 2, 3, 4], 1, 1, [1.0]]]}, "clip 'a', face 0: frame -7"),
        ({b"a": [[7, [1, 2, 3, 4], 1, None, [1.0]]]}, "clip 'a', face 0: expected"),
        ({b"a": [[7, [1, 2, 3, 4], 1, 1, [1e9]]]}, "clip 'a', face 0: a number that is not fin"),
        ({b"a": [[7, [1, 2, 3, 4], 1, 1, [[1.0], [2.0, 3.0]]]]}, "clip 'a', face 0: expected"),
    ],
)
def test_bad_content_is_named_and_nothing_is_left(
    tmp_path: Path, content: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        convert_features(dump(tmp_path / "f.pickle", content), tmp_path / "f.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["f.pickle"]


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.binary(max_size=3)
    | st.just(np.ones(2, np.float16))
    | st.just(np.ones((1, 2), np.float16)),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.binary(max_size=2), inner, max_size=2)
    ),
    max_leaves=12,
)
ALMOST = st.tuples(ANYTHING, ANYTHING, ANYTHING, ANYTHING, ANYTHING).map(list)
ROWS = st.lists(st.just(face([1, 2])) | ALMOST | ANYTHING, max_size=3)


@settings(max_examples=60)
@given(st.dictionaries(st.binary(max_size=3), ROWS | ANYTHING, max_size=3) | ANYTHING)
def test_any_content_is_converted_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: Any
) -> None:
    folder = tmp_path_factory.mktemp("any")
    try:
        convert_features(dump(folder / "f.pickle", content), folder / "f.parquet")
    except ConfigError as error:
        assert "\n" not in str(error)  # noqa: PT017
        assert [path.name for path in folder.iterdir()] == ["f.pickle"]
    else:
        assert pq.read_metadata(folder / "f.parquet").num_rows > 0
