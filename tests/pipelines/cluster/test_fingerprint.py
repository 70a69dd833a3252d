"""Names of packs: whatever changes the tracks changes the name."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import PackageNotFoundError

import av
import onnxruntime
import pytest

from pipelines.cluster.fingerprint import differences, fingerprint, pack_identity
from vidsearch.models.open_pack import OPEN


def test_another_calibration_is_another_pack() -> None:
    # The calibration decides which faces are linked, but the vectors stay comparable.
    steeper = replace(OPEN.calibration, slope=OPEN.calibration.slope + 1)
    other = replace(OPEN, calibration=steeper)
    assert other.model_id == OPEN.model_id
    assert pack_identity(other) != pack_identity(OPEN)
    assert pack_identity(replace(OPEN)) == pack_identity(OPEN)


def test_only_the_clients_versions_are_compared() -> None:
    client = {"numpy": "2.0", "av": "15"}
    assert differences(client, {"numpy": "2.0", "av": "15", "more": "1"}) == ""
    assert differences(client, {"av": "16"}) == (
        "numpy missing where the client has 2.0, av 16 where the client has 15"
    )


def test_versions_are_those_of_modules_not_of_distributions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The distribution onnxruntime-gpu holds the module onnxruntime."""

    def no_metadata(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", no_metadata)
    fingerprint.cache_clear()
    found = fingerprint()
    assert found["onnxruntime"] == onnxruntime.__version__
    assert found["av"] == av.__version__
    assert "torch" not in found, "no track depends on it"
