"""What each member brings to an ensemble: with it less without it, question by question."""

from __future__ import annotations

from collections.abc import Mapping

from llmexam.ensemble.build import Ensemble, build_ensemble
from llmexam.ensemble.settings import EnsembleSettings
from llmexam.evaluation.compare import compare_results
from llmexam.evaluation.results import Comparison
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix


def member_gains(
    matrices: Mapping[str, ScoreMatrix],
    ensemble: Ensemble,
    settings: EnsembleSettings,
    exam: Exam,
    *,
    k: int = 3,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> dict[str, Comparison]:
    """Return the ensemble against itself without each member, paired, by the member's name.

    Without the member, weights that were found on answers are found anew, out of fold; given
    ones stay as they are. A member without which nothing has a weight is left out, and so are
    all where there is only one.

    Args:
        matrices: Score matrices by the name of the member.
        ensemble: What they gave together.
        settings: How they were combined.
        exam: The questions, with answers.
        k: How many of the first options count, such as the k of MAP@k.
        n_resamples: Bootstrap resamples behind each interval.
        seed: Seed of the resampling.

    Raises:
        ExamError: A question has no answer.
        ScoreError: Members and exam disagree about questions or options.
    """
    found = {}
    for name in matrices:
        rest = {other: matrix for other, matrix in matrices.items() if other != name}
        fewer = settings
        if isinstance(settings.weights, dict):
            weights = {other: settings.weights[other] for other in rest}
            if not sum(weights.values()):
                continue
            fewer = settings.model_copy(update={"weights": weights})
        if not rest:
            continue
        found[name] = compare_results(
            exam,
            ensemble.scores,
            build_ensemble(rest, fewer, exam).scores,
            name_a="ensemble",
            name_b=f"without {name}",
            k=k,
            n_resamples=n_resamples,
            seed=seed,
        )
    return found
