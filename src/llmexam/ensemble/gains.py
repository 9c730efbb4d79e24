"""Contribution of each ensemble member: the ensemble with it minus without it, paired."""

from __future__ import annotations

from collections.abc import Mapping

from llmexam.ensemble.build import Ensemble, build_ensemble
from llmexam.ensemble.settings import EnsembleSettings
from llmexam.evaluation.clusters import AUTO
from llmexam.evaluation.compare import compare_results
from llmexam.evaluation.multiplicity import MEMBERS, adjust
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
    cluster_by: str = AUTO,
) -> dict[str, Comparison]:
    """Return the paired comparison of the ensemble with the ensemble without each member.

    Fitted weights are fitted again without the member, out of fold; given ones stay. The result
    leaves out a member if the others have no weight, and is empty for a single member.

    Args:
        matrices: Score matrices by the name of the member.
        ensemble: Scores of the ensemble.
        settings: Settings of the ensemble.
        exam: The questions, with answers.
        k: How many of the first options count, such as the k of MAP@k.
        n_resamples: Bootstrap resamples behind each interval.
        seed: Seed of the resampling.
        cluster_by: Which questions are not independent: see `evaluation.clusters.cluster_exam`.

    Raises:
        ExamError: A question has no answer.
        ScoreError: Members and exam differ in questions or options.
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
            cluster_by=cluster_by,
        )
    return dict(zip(found, adjust(list(found.values()), MEMBERS), strict=True))
