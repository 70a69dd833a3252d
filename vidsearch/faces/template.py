"""Templates: pooling the embeddings of one person."""

from __future__ import annotations

import numpy as np

from vidsearch.datatypes import Matrix, Template, Vector
from vidsearch.errors import ShapeError


def normalise(vectors: Matrix) -> Matrix:
    """Return the rows scaled to unit length; a row of zeros stays zero.

    Args:
        vectors: (N, D) float32.

    Returns:
        (N, D) float32.

    Example:
        >>> [round(float(x), 4) for x in normalise(np.array([[3, 4]], np.float32))[0]]
        [0.6, 0.8]
    """
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, np.finfo(np.float32).tiny), np.float32)


def pool(embeddings: Matrix, model_id: str, weights: Vector | None = None) -> Template:
    """Return the template of one person's embeddings: their L2-normalised centre.

    Embeddings are raw, because the norm of an embedding is the network's own weight.

    Args:
        embeddings: (N, D) float32, raw; N >= 1.
        model_id: Name of the vector space.
        weights: (N,) float32, not negative, not all zero; None for equal weights.

    Raises:
        ShapeError: No embedding, a value that is not finite, a zero centre, or invalid weights.

    Source:
        ArcFace, section 3.1: a video's feature is the centre of the features of all its frames.

    Example:
        >>> template = pool(np.array([[6, 0], [0, 8]], np.float32), "m")
        >>> [round(float(x), 4) for x in template.vector]
        [0.6, 0.8]
    """
    if embeddings.ndim != 2 or len(embeddings) == 0:
        raise ShapeError(f"a template needs at least one embedding; got shape {embeddings.shape}")
    weight = np.ones(len(embeddings)) if weights is None else np.asarray(weights, np.float64)
    total = float(weight.sum())
    if weight.shape != (len(embeddings),) or not (weight >= 0).all() or not 0 < total < np.inf:
        raise ShapeError("weights must be N numbers, not negative and not all zero")
    centre = weight @ embeddings.astype(np.float64) / total
    norm = float(np.linalg.norm(centre))
    if not np.isfinite(norm) or norm == 0.0:
        raise ShapeError("the centre of the embeddings is zero or not finite")
    return Template((centre / norm).astype(np.float32), total, model_id)
