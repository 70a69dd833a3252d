"""How the table store and pyarrow reach an S3 bucket: as fsspec does, by AWS's own settings.

Credentials, region and profile come from where every AWS tool looks (the environment, the files in
``~/.aws``, the machine's role); each of the three libraries looks there by itself. Only another
endpoint than Amazon's has to be passed on: ``AWS_ENDPOINT_URL_S3``, or ``AWS_ENDPOINT_URL``. These
are read here and not on the command line, because a worker's own may differ from the client's.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from vidsearch.storage.path import StoragePath

_S3 = ("s3://", "s3a://")


def table_options(place: StoragePath) -> dict[str, str]:
    """Return what the table store needs beside AWS's own settings; nothing for a local folder."""
    endpoint = _endpoint(place)
    if endpoint is None:
        return {}
    plain = {"AWS_ALLOW_HTTP": "true"} if endpoint.startswith("http://") else {}
    return {"AWS_ENDPOINT_URL": endpoint, **plain}


def dataset_filesystem(place: StoragePath) -> Any:
    """Return pyarrow's file system below a table's folder; None where it has none of its own.

    Why its own: that of the table store is written in Python, and pyarrow's threads may still hold
    its objects when the interpreter ends, which aborts the process.
    """
    from pyarrow import fs

    if place.path is not None:
        return fs.SubTreeFileSystem(place.uri, fs.LocalFileSystem())
    if not place.uri.startswith(_S3):
        return None
    endpoint = _endpoint(place)
    if endpoint is None:
        bucket = fs.S3FileSystem()
    else:
        parts = urlsplit(endpoint)
        bucket = fs.S3FileSystem(endpoint_override=parts.netloc, scheme=parts.scheme)
    return fs.SubTreeFileSystem(place.uri.split("://", 1)[1], bucket)


def _endpoint(place: StoragePath) -> str | None:
    if not place.uri.startswith(_S3):
        return None
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None
