"""Labelled sets from Parquet files and from folders of photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.vidsearch.evaluation.ablation.synthetic import synthetic_set, write_parquet
from vidsearch.errors import ConfigError
from vidsearch.evaluation.ablation.data import from_folder, from_parquet
from vidsearch.evaluation.ablation.frame_context import colour_and_edges
from vidsearch.evaluation.ablation.measure import AblationOptions, measure_steps


def test_bad_parquet(tmp_path: Path, rng: np.random.Generator) -> None:
    data = synthetic_set(rng)
    count = len(data.clips)
    good = write_parquet(tmp_path / "good", data, 0)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"split": ["dev"] * count}, "split must be train or test; got 'dev'"),
        ({"clip": ["same"] * count}, "names a clip twice"),
        ({"identity": [""] * count}, "a training clip has no identity"),
        ({"identity": ["one"] * count}, "two identities with clips in both parts"),
        ({"embedding": [[1.0]] + [[1.0, 2.0]] * (count - 1)}, r"one length; got \[1, 2\]"),
        ({"embedding": [[float("nan")]] * count}, "one finite row per clip"),
    ]
    for changes, message in cases:
        with pytest.raises(ConfigError, match=message):
            from_parquet([write_parquet(tmp_path / "bad", data, 0, **changes)])
    renamed = write_parquet(tmp_path / "other", data, 0, clip=[f"y{n}" for n in range(count)])
    with pytest.raises(ConfigError, match="has other clips than"):
        from_parquet([good, renamed])
    (tmp_path / "text").write_text("x")
    with pytest.raises(ConfigError, match="cannot be read as Parquet"):
        from_parquet([tmp_path / "text"])
    with pytest.raises(ConfigError, match="cannot be read"):
        from_folder(tmp_path / "none", ["open"], None)
    (tmp_path / "empty" / "Ann").mkdir(parents=True)
    with pytest.raises(ConfigError, match="has no folder of photos"):
        from_folder(tmp_path / "empty", ["open"], None)


def test_a_folder_of_photos(photos: Path, tmp_path: Path) -> None:
    for name, slug in (("one", "astronaut"), ("two", "tom-hanks"), ("three", "lace")):
        (tmp_path / name).mkdir()
        for copy in range(2 if name != "three" else 1):
            (tmp_path / name / f"{copy}.jpg").write_bytes((photos / f"{slug}.jpg").read_bytes())
    (tmp_path / "four").mkdir()
    (tmp_path / "four" / "broken.png").write_bytes(b"no picture")
    (tmp_path / "three" / "notes.txt").write_text("no photo")
    (tmp_path / "loose.jpg").write_bytes((photos / "lace.jpg").read_bytes())
    data = from_folder(tmp_path, ["open"], colour_and_edges, least_photos=2)
    assert {(group.reason, group.count) for group in data.unusable} == {
        ("photo unreadable", 1),
        ("in no folder of an identity", 1),
    }
    assert data.passed_over == {".txt": 1}
    assert data.classes == ("one", "two")
    assert sorted(data.identities) == ["", "one", "one", "two", "two"]
    assert data.context is not None
    (step,) = measure_steps(data, AblationOptions(mlp=False, context=False))
    assert step.figures.intervals["iqiyi"].mean == 1.0
