"""Backbones by name."""

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
    """Return the names that :func:`build_backbone` accepts."""
    return tuple(_BUILDERS)


def build_backbone(name: str, embedding_size: int, **options: Any) -> Backbone:
    """Return a new network: ``dlib`` with published weights, the others with random weights.

    Args:
        name: One of :func:`backbone_names`.
        embedding_size: Dimension of an embedding.
        options: Keyword arguments of the network's class.

    Raises:
        ConfigError: The name, an option or its value is not valid.

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
