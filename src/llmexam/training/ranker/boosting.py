"""Fit gradient-boosted trees to options, by the likelihood of the right option.

The loss is that of the conditional logit, a softmax over the options of a question, so utilities of
trees and logit are on the same scale and can be averaged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import MissingDependencyError
from llmexam.solvers.ranker.model import read_trees
from llmexam.training.ranker.conditional_logit import Choices, choice_loss
from llmexam.training.ranker.settings import RankerTrainingSettings

if TYPE_CHECKING:
    from lightgbm import Booster

Floats = NDArray[np.float64]

STEP = 10
"""Rounds are chosen among multiples of this."""

# L2 penalty of the leaves, which keeps leaves of perfectly predicted options finite.
_LEAF_RIDGE = 5.0


def fit_trees(
    choices: Choices, n_rounds: int, settings: RankerTrainingSettings, names: tuple[str, ...]
) -> Booster:
    """Return trees whose leaves add up to the utility of an option.

    Raises:
        MissingDependencyError: lightgbm is not installed.
    """
    try:
        import lightgbm
    except ModuleNotFoundError:
        raise MissingDependencyError("a ranker with trees", "lightgbm", "train") from None

    def slope_of(predicted: Floats, _: Any) -> tuple[Floats, Floats]:
        chances = choice_loss(predicted, choices)[1]
        slope = chances.copy()
        slope[choices.right] -= 1
        return slope, np.maximum(chances * (1 - chances), 1e-6)

    labels = np.zeros(len(choices.rows))
    labels[choices.right] = 1
    trained = lightgbm.train(
        {
            "objective": slope_of,
            "learning_rate": settings.learning_rate,
            "num_leaves": settings.n_leaves,
            "min_data_in_leaf": settings.min_leaf_options,
            "min_sum_hessian_in_leaf": 1e-3,
            "feature_fraction": settings.column_share,
            "lambda_l2": _LEAF_RIDGE,
            "seed": settings.seed,
            "num_threads": settings.n_threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        },
        lightgbm.Dataset(choices.rows, labels, feature_name=list(names)),
        num_boost_round=n_rounds,
    )
    # Parsed from the saved text, so that the returned trees equal the stored ones.
    return read_trees(trained.model_to_string())


def losses_by_round(
    train: Choices, held_out: Choices, settings: RankerTrainingSettings, names: tuple[str, ...]
) -> Floats:
    """Return the held-out loss after 0, STEP, 2 STEP, ... rounds."""
    trees = fit_trees(train, settings.max_rounds, settings, names)
    utilities = np.zeros(len(held_out.rows))
    losses = [choice_loss(utilities, held_out)[0]]
    for start in range(0, settings.max_rounds - STEP + 1, STEP):
        utilities += np.asarray(
            trees.predict(held_out.rows, start_iteration=start, num_iteration=STEP, num_threads=1)
        )
        losses.append(choice_loss(utilities, held_out)[0])
    return np.array(losses)
