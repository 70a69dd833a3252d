"""Networks from aligned faces to raw embeddings, built by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trainer.backbones.base import Backbone
from trainer.backbones.dlib import Dlib
from trainer.backbones.iresnet import DEPTHS, IResNet
from trainer.backbones.mobilefacenet import MobileFaceNet
from trainer.backbones.vit import VisionTransformer
from vidsearch.errors import ConfigError


def _iresnet(depth: str) -> Callable[..., Backbone]:
    return lambda embedding_size, **options: IResNet(
        embedding_size, blocks=DEPTHS[depth], **options
    )


_BUILDERS: dict[str, Callable[..., Backbone]] = {
    **{f"iresnet{depth}": _iresnet(depth) for depth in DEPTHS},
    "mobilefacenet": MobileFaceNet,
    "vit_small": VisionTransformer,
    "dlib": Dlib,
}


def backbone_names() -> tuple[str, ...]:
    """Return every name that :func:`build_backbone` knows."""
    return tuple(_BUILDERS)


def build_backbone(name: str, embedding_size: int, **options: Any) -> Backbone:
    """Return a new network with random weights.

    Args:
        name: One of :func:`backbone_names`.
        embedding_size: Length of an embedding.
        options: What the named network accepts; see its class.

    Raises:
        ConfigError: No such network, an option it does not have, or a value it does not accept.

    Example:
        >>> network = build_backbone("mobilefacenet", 128)
        >>> network.spec.input_size, network.embedding_size
        (112, 128)
    """
    if name not in _BUILDERS:
        raise ConfigError(f"backbone must be one of {', '.join(_BUILDERS)}; got {name!r}")
    try:
        return _BUILDERS[name](embedding_size, **options)
    except TypeError as error:
        given = ", ".join(sorted(options)) if options else "none"
        raise ConfigError(
            f"backbone {name} does not accept these options: {given} ({error})"
        ) from error
