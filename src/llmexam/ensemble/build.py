"""Build an ensemble from its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from llmexam.ensemble.combine import align_members, check_weights, combine
from llmexam.ensemble.settings import EnsembleSettings
from llmexam.ensemble.weights import FittedWeights, fit_out_of_fold
from llmexam.errors import SettingsError
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix


@dataclass(frozen=True)
class Ensemble:
    """Combined scores and the weights of the members.

    Attributes:
        scores: The scores. With fitted weights they are out of fold.
        weights: Weight of each member, adding up to 1. Fitted ones use all questions, for use
            on other exams.
        fitted: Result of the fit, or None if the weights were given.
    """

    scores: ScoreMatrix
    weights: dict[str, float]
    fitted: FittedWeights | None = None


def build_ensemble(
    matrices: Mapping[str, ScoreMatrix],
    settings: EnsembleSettings | None = None,
    exam: Exam | None = None,
) -> Ensemble:
    """Return the ensemble of the members' scores, with its metrics.

    Args:
        matrices: Score matrices by the name of the member.
        settings: Method and weights.
        exam: The questions, with answers; needed only to fit weights.

    Raises:
        ExamError: Weights are to be fitted and the exam lacks answers, or has fewer questions
            than folds.
        ScoreError: The members differ in questions or options.
        SettingsError: The weights do not match the members, or there is no exam to fit on.
    """
    chosen = settings or EnsembleSettings()
    if chosen.is_fitted:
        if exam is None:
            raise SettingsError(
                "fitting weights needs an exam with answers",
                field="weights",
                hint="Give an exam with answers, or use equal weights",
            )
        fitted = fit_out_of_fold(matrices, exam, chosen)
        return Ensemble(fitted.scores, fitted.weights, fitted)
    members = align_members(matrices)
    shares = check_weights(members, chosen.weights if isinstance(chosen.weights, dict) else None)
    scores = combine(
        members,
        chosen.method,
        shares,
        temperature=chosen.temperature,
        rank_constant=chosen.rank_constant,
    )
    return Ensemble(scores, shares)
