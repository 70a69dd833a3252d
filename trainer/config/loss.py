"""Loss configuration, and the losses of the ArcFace paper by name; imports no torch.

The paper is Deng et al. 2019, "ArcFace". Equation and table numbers are those of the paper.
"""

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
    """Combined margin, eq. 4; ``trainer.head.margins`` explains each field.

    Attributes:
        angle_factor: m1, multiplies the angle; 1 for no margin.
        angle_margin_rad: m2, added to the angle, radians; 0 for no margin.
        cosine_margin: m3, subtracted from the cosine; 0 for no margin.
        gradient: ``exact`` for the gradient of eq. 4, or ``straight-through`` for the gradient of
            the plain cosine.
        beyond_pi: Target logit where the logit of eq. 4 would rise with the angle.
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
                "margin beyond_pi 'jump' is defined for angle_factor 1 only; "
                f"got {self.angle_factor}: choose 'continue'"
            )

    @property
    def last_angle_rad(self) -> float:
        """Largest angle, radians, up to which the logit of eq. 4 falls; at most pi."""
        return min((math.pi - self.angle_margin_rad) / self.angle_factor, math.pi)


@dataclass(frozen=True, slots=True, kw_only=True)
class LossConfig:
    """Weighted sum of the losses of the paper.

    Attributes:
        kind: ``margin`` (eq. 2 to 4), ``softmax`` (eq. 1: neither weights nor embeddings
            normalised) or ``none`` (triplets alone).
        margin: Margin on the logit of a face's own class.
        scale: s, the radius of the embedding hypersphere; ``softmax`` does not use it.
        intra: Weight of the second term of the intra-loss (eq. 5); 0 leaves it out.
        inter: Weight of the second term of the inter-loss (eq. 6); 0 leaves it out.
        triplet: Weight of the triplet loss on angles; 0 leaves it out.
        triplet_margin_rad: Margin of the triplet loss, radians.
        triplet_mining: Selection of the triplets of a batch, see ``trainer.head.triplet``.
        sub_centres: Number of weight vectors of a class. The nearest vector gives the logit, so
            mislabelled faces can gather at a sub-centre (Deng et al. 2020, "Sub-center ArcFace").
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
                "loss sub_centres needs kind 'margin' without the inter-loss, which is defined for "
                "one centre a class; set loss.sub_centres=1"
            )
        if self.kind == "none" and (not self.triplet or self.intra or self.inter):
            raise ConfigError(
                "loss kind 'none' is for triplets alone: set loss.triplet=1 and neither intra nor "
                "inter, or choose another kind"
            )

    @property
    def has_classes(self) -> bool:
        """True if the loss has class weights; the triplet loss alone has none."""
        return self.kind != "none"


_NS = LossConfig(margin=Margin())
_ARCFACE = LossConfig()


def _margin(**values: float) -> LossConfig:
    return LossConfig(margin=Margin(**values))  # type: ignore[arg-type]


# The losses of Table 2 that the paper trained, and eq. 1 to 6.
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
        ConfigError: The name is unknown.

    Example:
        >>> named_loss("cosface").margin.cosine_margin
        0.35
    """
    if name not in NAMED_LOSSES:
        raise ConfigError(f"loss must be one of {', '.join(NAMED_LOSSES)}; got {name!r}")
    return NAMED_LOSSES[name]
