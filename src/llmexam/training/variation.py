"""Data augmentation per epoch: order of options, dropped options, dropped evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

# A question needs at least two options.
_FEWEST_OPTIONS = 2


class VariationSettings(Protocol):
    """Settings of the variation.

    Attributes:
        option_order: Whether the options are kept in order, shuffled or rotated.
        shuffle_probability: Probability that they are, where the order is not kept.
        drop_options: Probability of dropping a wrong option.
        evidence_dropout: Probability of dropping the evidence.
        seed: Random seed.
    """

    @property
    def option_order(self) -> Literal["kept", "shuffled", "rotated"]: ...  # noqa: D102
    @property
    def shuffle_probability(self) -> float: ...  # noqa: D102
    @property
    def drop_options(self) -> float: ...  # noqa: D102
    @property
    def evidence_dropout(self) -> float: ...  # noqa: D102
    @property
    def seed(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Variation:
    """The variation of a question in one epoch.

    Attributes:
        order: Its options by their index in the question, in the order they are read.
        answer: Place of the right option in `order`.
        with_evidence: Whether its evidence is read.
    """

    order: NDArray[np.int64]
    answer: int
    with_evidence: bool


def vary(
    n_options: int,
    answer: int,
    settings: VariationSettings,
    *,
    epoch: int,
    row: int,
) -> Variation:
    """Return the variation of a question in an epoch; it depends only on seed, epoch and row.

    Args:
        n_options: How many options it has.
        answer: Index of the right one, which always stays.
        settings: What is varied, how often, and the seed.
        epoch: Passes over all questions before this one.
        row: Index of the question.
    """
    draw = np.random.default_rng([settings.seed, epoch, row])
    order = np.arange(n_options)
    if settings.drop_options:
        order = _keep(order, answer, draw.random(n_options), settings.drop_options)
    # No number is drawn for a probability of 1, so that such trainings stay as they were.
    changes = settings.shuffle_probability >= 1 or bool(
        draw.random() < settings.shuffle_probability
    )
    if settings.option_order == "shuffled" and changes:
        order = draw.permutation(order)
    elif settings.option_order == "rotated" and changes:
        order = np.roll(order, int(draw.integers(len(order))))
    place = int(np.flatnonzero(order == answer)[0])
    with_evidence = not settings.evidence_dropout or bool(
        draw.random() >= settings.evidence_dropout
    )
    return Variation(order, place, with_evidence)


def _keep(
    order: NDArray[np.int64], answer: int, luck: NDArray[np.float64], share: float
) -> NDArray[np.int64]:
    stays = luck >= share
    stays[answer] = True
    if stays.sum() < _FEWEST_OPTIONS:
        # The luckiest of the wrong ones.
        wrong = np.where(stays, -1.0, luck)
        stays[wrong.argmax()] = True
    return order[stays]
