"""Configuration of the classification head; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.config.loss import LossConfig
from vidsearch.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadConfig:
    """Configuration of the classification head.

    Attributes:
        sample_rate: Share of the classes in a step, (0, 1]; 1 takes all. The classes of the
            batch's faces are always included.

    Source:
        An et al. 2021, "Partial FC".
    """

    sample_rate: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.sample_rate <= 1:
            raise ConfigError(f"head sample_rate must lie in (0, 1]; got {self.sample_rate}")

    def check(self, loss: LossConfig) -> None:
        """Check that the loss is defined for sampled classes.

        Raises:
            ConfigError: Classes are sampled, and the loss needs all of them.
        """
        if self.sample_rate < 1 and (loss.kind != "margin" or loss.inter):
            term = "the inter-loss" if loss.inter else f"loss kind {loss.kind!r}"
            raise ConfigError(
                f"head sample_rate {self.sample_rate} leaves classes out, and {term} needs all of "
                "them; set head.sample_rate=1"
            )
