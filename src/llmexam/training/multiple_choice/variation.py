"""Data augmentation per epoch: order of options, dropped options, dropped evidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.training.multiple_choice.settings import MultipleChoiceTrainingSettings

# A question needs at least two options.
_FEWEST_OPTIONS = 2


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
    settings: MultipleChoiceTrainingSettings,
    *,
    epoch: int,
    row: int,
) -> Variation:
    """Return the variation of a question in an epoch; it depends only on seed, epoch and row.

    Args:
        n_options: How many options it has.
        answer: Index of the right one, which always stays.
        settings: `option_order`, `drop_options`, `evidence_dropout` and `seed`.
        epoch: Passes over all questions before this one.
        row: Index of the question.
    """
    draw = np.random.default_rng([settings.seed, epoch, row])
    order = np.arange(n_options)
    if settings.drop_options:
        order = _keep(order, answer, draw.random(n_options), settings.drop_options)
    if settings.option_order == "shuffled":
        order = draw.permutation(order)
    elif settings.option_order == "rotated":
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
