"""Settings of object stores: both libraries get the same endpoint; a local folder gets none."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidsearch.storage.object_store import table_options
from vidsearch.storage.path import StoragePath

BUCKET = StoragePath("s3://bucket/catalog")


@pytest.fixture(autouse=True)
def no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


def test_amazon_needs_no_option() -> None:
    assert table_options(BUCKET) == {}


def test_the_endpoint_of_s3_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://all.example")
    assert table_options(BUCKET) == {"AWS_ENDPOINT_URL": "https://all.example"}
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example")
    assert table_options(BUCKET) == {"AWS_ENDPOINT_URL": "https://s3.example"}


def test_only_an_unencrypted_endpoint_allows_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:9000")
    assert table_options(BUCKET)["AWS_ALLOW_HTTP"] == "true"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://http.example")
    assert "AWS_ALLOW_HTTP" not in table_options(BUCKET)


def test_a_local_catalog_ignores_the_endpoint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:9000")
    assert table_options(StoragePath.of(tmp_path)) == {}
