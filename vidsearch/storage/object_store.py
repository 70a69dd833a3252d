"""Access to S3 buckets for the table store and pyarrow, with the settings that fsspec uses.

Credentials, region and profile come from the usual AWS sources: the environment, the files in
``~/.aws``, or the machine's role. All three libraries read these sources themselves. Only an
endpoint other than Amazon's is passed on: ``AWS_ENDPOINT_URL_S3``, or ``AWS_ENDPOINT_URL``. These
variables are read here and not on the command line, because a worker's endpoint may differ from the
client's.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from vidsearch.storage.path import StoragePath

_S3 = ("s3://", "s3a://")


def table_options(root: StoragePath) -> dict[str, str]:
    """Return the table store's options for a bucket; a local folder has none.

    Args:
        root: Folder of the catalog.
    """
    endpoint = _endpoint(root)
    if endpoint is None:
        return {}
    plain = {"AWS_ALLOW_HTTP": "true"} if endpoint.startswith("http://") else {}
    return {"AWS_ENDPOINT_URL": endpoint, **plain}


def dataset_filesystem(folder: StoragePath) -> Any:
    """Return pyarrow's own file system below a table's folder; None for an unknown scheme.

    The table store's file system is written in Python. pyarrow's threads may still hold its objects
    when the interpreter ends, which aborts the process.
    """
    from pyarrow import fs

    if folder.path is not None:
        return fs.SubTreeFileSystem(folder.uri, fs.LocalFileSystem())
    if not folder.uri.startswith(_S3):
        return None
    endpoint = _endpoint(folder)
    if endpoint is None:
        bucket = fs.S3FileSystem()
    else:
        parts = urlsplit(endpoint)
        bucket = fs.S3FileSystem(endpoint_override=parts.netloc, scheme=parts.scheme)
    return fs.SubTreeFileSystem(folder.uri.split("://", 1)[1], bucket)


def _endpoint(folder: StoragePath) -> str | None:
    if not folder.uri.startswith(_S3):
        return None
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None
