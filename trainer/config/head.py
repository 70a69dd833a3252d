"""How a step looks at the classes. No torch in sight."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.config.loss import LossConfig
from vidsearch.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadConfig:
    """How the classes are looked at.

    Attributes:
        sample_rate: Share of the classes in a step, (0, 1]; 1 takes all. The classes of the
            faces at hand are always among them.
    """

    sample_rate: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.sample_rate <= 1:
            raise ConfigError(f"head sample_rate must lie in (0, 1]; got {self.sample_rate}")

    def check(self, loss: LossConfig) -> None:
        """Raise where a loss needs all classes.

        Raises:
            ConfigError: Sampling with a loss that is not stated for a part of the classes.
        """
        if self.sample_rate < 1 and (loss.kind != "margin" or loss.inter):
            what = "the inter-loss" if loss.inter else f"loss kind {loss.kind!r}"
            raise ConfigError(
                f"head sample_rate {self.sample_rate} leaves classes out, and {what} needs all of "
                "them; set head.sample_rate=1"
            )
