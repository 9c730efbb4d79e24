"""How recovered prompts are graded: metrics, baselines, slices and intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from llmexam.evaluation.clusters import AUTO, Clusters, cluster_items
from llmexam.evaluation.grading import Resampling
from llmexam.evaluation.metrics.metric import Metric
from llmexam.evaluation.slices import SOURCE_KEYS, Labelling, largest_first, length_terciles
from llmexam.recovery.embeddings import TextVectors, text_vectors
from llmexam.recovery.groups import prompt_groups
from llmexam.recovery.likelihood import RewriteLikelihood, rewrite_likelihood
from llmexam.recovery.metrics.lift import COMMON, Lift, best_constants
from llmexam.recovery.metrics.likelihood_gain import LikelihoodGain
from llmexam.recovery.metrics.prompt_rank import PromptRank
from llmexam.recovery.metrics.share_removed import ShareRemoved
from llmexam.recovery.metrics.sharpened_cosine import CleanedCosine, SharpenedCosine
from llmexam.recovery.metrics.text_match import CharacterF1, ExactMatch
from llmexam.recovery.rewrites import RewriteExam
from llmexam.tasks.prompt_recovery.plan import RecoveryGradingPlan

_LONGEST_NAME = 60


def embedders_of(grading: RecoveryGradingPlan) -> list[TextVectors]:
    """Return the embedder of the primary metric, and the second one if there is one.

    Raises:
        MissingDependencyError: A package that they need is not installed.
        ModelError: One cannot be loaded.
    """
    names = (grading.embedder, grading.second_embedder)
    return [
        text_vectors(name, grading.precision, grading.vector_cache)
        for name in names
        if name is not None
    ]


def metrics_of(grading: RecoveryGradingPlan) -> list[Metric[RewriteExam, Sequence[str]]]:
    """Return the metrics, the sharpened cosine first."""
    vectors, *second = embedders_of(grading)
    cosine = SharpenedCosine(vectors)
    model = likelihood_of(grading)
    return [
        cosine,
        CleanedCosine(vectors),
        ShareRemoved(),
        Lift(cosine, vectors),
        *(
            SharpenedCosine(
                other,
                name="sharpened_cosine_second",
                label="sharpened cosine, second embedder",
            )
            for other in second
        ),
        PromptRank(vectors, n=grading.n_ranked),
        CharacterF1(),
        ExactMatch(),
        *([LikelihoodGain(model)] if model is not None else []),
    ]


def likelihood_of(grading: RecoveryGradingPlan) -> RewriteLikelihood | None:
    """Return what scores the gain in log-likelihood, or None where the plan names no model.

    Raises:
        MissingDependencyError: A package that it needs is not installed.
        ModelError: The model cannot be loaded.
    """
    if grading.likelihood_model is None:
        return None
    return rewrite_likelihood(
        grading.likelihood_model,
        precision=grading.precision,
        max_text_tokens=grading.likelihood_tokens,
    )


def baselines_of(grading: RecoveryGradingPlan, items: RewriteExam) -> Mapping[str, Sequence[str]]:
    """Return the usual constant, and the best constant of other folds.

    A copy of the original is no baseline: whole texts would be embedded by every embedder, which
    takes longer than everything else. Recoverer `copy` gives its grades.
    """
    return {
        f'"{COMMON[0]}"': [COMMON[0]] * len(items),
        "best constant of other folds": best_constants(items, embedders_of(grading)[0]),
    }


def label_rewrites(items: RewriteExam) -> Iterator[Labelling]:
    """Yield labels of rows by length, source and group of near-equal prompts.

    Args:
        items: The rows, with known prompts.
    """
    yield "original length", length_terciles([len(row.original) for row in items])
    yield "prompt length", length_terciles([len(prompt) for prompt in items.prompts])
    for key in SOURCE_KEYS:
        labels = [row.metadata.get(key, "").strip() or "(none)" for row in items]
        # A value for almost every row is no source.
        if any(key in row.metadata for row in items) and 4 * len(set(labels)) <= len(items):
            yield key, largest_first(labels)
            break
    groups = prompt_groups(items.prompts).tolist()
    names: dict[int, str] = {}
    for group, prompt in zip(groups, items.prompts, strict=True):
        is_long = len(prompt) > _LONGEST_NAME
        names.setdefault(group, f"{prompt[: _LONGEST_NAME - 3]}..." if is_long else prompt)
    yield "prompt group", largest_first([names[group] for group in groups])


def resampling_of(
    items: RewriteExam,
    n_resamples: int,
    seed: int,
    level: float = 0.95,
    *,
    cluster_by: str = AUTO,
    margin: float | None = None,
) -> Resampling:
    """Return intervals that resample whole groups of near-equal prompts, or other clusters.

    Args:
        items: The rows, with known prompts.
        n_resamples: Number of resamples.
        seed: Random seed.
        level: Level of the intervals.
        cluster_by: `auto` for groups of near-equal prompts, `none`, a metadata field, or a file.
        margin: Difference that does not matter, for comparisons.

    Raises:
        SettingsError: The rows have no such clusters.
        ExamError: The file of clusters cannot be read.
    """
    clusters = cluster_items(
        items.ids,
        [row.metadata for row in items],
        cluster_by,
        source=items.source,
        default=lambda: _prompt_clusters(items),
    )
    return Resampling(n_resamples, seed, level, margin=margin).by_clusters(clusters)


def _prompt_clusters(items: RewriteExam) -> Clusters | None:
    groups = Clusters("near-equal prompts", prompt_groups(items.prompts))
    # With one group for all rows there is nothing to resample.
    return groups if groups.n > 1 else None
