"""Which loss: the paper's losses by name, and every number in them. No torch in sight."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from vidsearch.errors import ConfigError

Kind: TypeAlias = Literal["margin", "softmax", "none"]
Gradient: TypeAlias = Literal["exact", "straight-through"]
BeyondPi: TypeAlias = Literal["continue", "jump", "formula", "easy"]
Mining: TypeAlias = Literal["hard", "semi-hard"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """The combined margin of eq. 4; ``trainer.head.margins`` explains each choice.

    Attributes:
        angle_factor: m1; 1 for none.
        angle_margin_rad: m2; 0 for none.
        cosine_margin: m3; 0 for none.
        gradient: The formula's, or that of the plain cosine.
        beyond_pi: What stands where the formula's logit would rise again.
    """

    angle_factor: float = 1.0
    angle_margin_rad: float = 0.0
    cosine_margin: float = 0.0
    gradient: Gradient = "exact"
    beyond_pi: BeyondPi = "continue"

    def __post_init__(self) -> None:
        if not 0 < self.angle_factor <= 4:
            raise ConfigError(f"margin angle_factor must lie in (0, 4]; got {self.angle_factor}")
        if not 0 <= self.angle_margin_rad < math.pi:
            raise ConfigError(
                f"margin angle_margin_rad must lie in [0, pi), radians; got {self.angle_margin_rad}"
            )
        if not 0 <= self.cosine_margin < 2:
            raise ConfigError(f"margin cosine_margin must lie in [0, 2); got {self.cosine_margin}")
        if self.beyond_pi == "jump" and self.angle_factor != 1:
            raise ConfigError(
                "margin beyond_pi 'jump' is stated for angle_factor 1; "
                f"got {self.angle_factor}: choose 'continue'"
            )

    @property
    def last_angle_rad(self) -> float:
        """Return the angle from which on the formula's logit would rise again; pi if none."""
        return min((math.pi - self.angle_margin_rad) / self.angle_factor, math.pi)


@dataclass(frozen=True, slots=True, kw_only=True)
class LossConfig:
    """A sum of the paper's losses.

    Attributes:
        kind: ``margin`` (eq. 2 to 4), ``softmax`` (eq. 1: neither weights nor embeddings
            normalised) or ``none`` (triplets alone).
        margin: Of the class a face belongs to.
        scale: s, the radius of the sphere of embeddings; not used by ``softmax``.
        intra: Weight of the intra-loss's second term (eq. 5); 0 leaves it out.
        inter: Weight of the inter-loss's second term (eq. 6); 0 leaves it out.
        triplet: Weight of the triplet-loss on angles; 0 leaves it out.
        triplet_margin_rad: Its margin.
        triplet_mining: Which triplets of a batch count.
        sub_centres: Weights a class; the nearest counts, so that mislabelled faces find a place
            of their own (Deng et al. 2020, "Sub-center ArcFace").
    """

    kind: Kind = "margin"
    margin: Margin = Margin(angle_margin_rad=0.5)
    scale: float = 64.0
    intra: float = 0.0
    inter: float = 0.0
    triplet: float = 0.0
    triplet_margin_rad: float = 0.35
    triplet_mining: Mining = "hard"
    sub_centres: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.scale <= 1024:
            raise ConfigError(f"loss scale must lie in (0, 1024]; got {self.scale}")
        for name in ("intra", "inter", "triplet", "triplet_margin_rad"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"loss {name} must be a number of at least 0; got {value}")
        if not 1 <= self.sub_centres <= 32:
            raise ConfigError(f"loss sub_centres must lie in 1..32; got {self.sub_centres}")
        if self.sub_centres > 1 and (self.kind != "margin" or self.inter):
            raise ConfigError(
                "loss sub_centres needs kind 'margin' without the inter-loss, which is stated for "
                "one centre a class; set loss.sub_centres=1"
            )
        if self.kind == "none" and (not self.triplet or self.intra or self.inter):
            raise ConfigError(
                "loss kind 'none' is for triplets alone: set loss.triplet=1 and neither intra nor "
                "inter, or choose another kind"
            )

    @property
    def has_classes(self) -> bool:
        """Whether the loss needs class weights at all."""
        return self.kind != "none"


_NS = LossConfig(margin=Margin())
_ARCFACE = LossConfig()


def _margin(**values: float) -> LossConfig:
    return LossConfig(margin=Margin(**values))  # type: ignore[arg-type]


# Every row of the paper's Table 2 that it trained itself, and eq. 1 to 6.
NAMED_LOSSES: dict[str, LossConfig] = {
    "softmax": LossConfig(kind="softmax", margin=Margin()),
    "norm-softmax": _NS,
    "arcface": _ARCFACE,
    "arcface-0.4": _margin(angle_margin_rad=0.4),
    "arcface-0.45": _margin(angle_margin_rad=0.45),
    "arcface-0.55": _margin(angle_margin_rad=0.55),
    "sphereface": _margin(angle_factor=1.35),
    "cosface": _margin(cosine_margin=0.35),
    "cm1": _margin(angle_margin_rad=0.3, cosine_margin=0.2),
    "cm2": _margin(angle_factor=0.9, angle_margin_rad=0.4, cosine_margin=0.15),
    "norm-softmax+intra": replace(_NS, intra=1.0),
    "norm-softmax+inter": replace(_NS, inter=1.0),
    "norm-softmax+intra+inter": replace(_NS, intra=1.0, inter=1.0),
    "triplet": LossConfig(kind="none", margin=Margin(), triplet=1.0),
    "arcface+intra": replace(_ARCFACE, intra=1.0),
    "arcface+inter": replace(_ARCFACE, inter=1.0),
    "arcface+intra+inter": replace(_ARCFACE, intra=1.0, inter=1.0),
    "arcface+triplet": replace(_ARCFACE, triplet=1.0),
}


def named_loss(name: str) -> LossConfig:
    """Return a loss of the paper by name.

    Raises:
        ConfigError: No such name.

    Example:
        >>> named_loss("cosface").margin.cosine_margin
        0.35
    """
    if name not in NAMED_LOSSES:
        raise ConfigError(f"loss must be one of {', '.join(NAMED_LOSSES)}; got {name!r}")
    return NAMED_LOSSES[name]
