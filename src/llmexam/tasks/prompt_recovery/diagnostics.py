"""What is told beside the metrics of recovered prompts: truncation and facets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from llmexam.evaluation.grading import Resampling, grade
from llmexam.evaluation.results import FacetResult, RecoveryDiagnostics, TextTruncation
from llmexam.recovery.facets import FacetLabels, facet_labels
from llmexam.recovery.metrics.facets import FacetMatch
from llmexam.recovery.rewrites import RewriteExam
from llmexam.tasks.prompt_recovery.grading import (
    baselines_of,
    embedders_of,
    likelihood_of,
    resampling_of,
)
from llmexam.tasks.prompt_recovery.plan import RecoveryGradingPlan

MOST_FREQUENT = "most frequent label"


def facets_of(grading: RecoveryGradingPlan) -> FacetLabels | None:
    """Return what labels prompts, or None where the plan names no bank.

    Raises:
        ExamError: The bank cannot be read, or has no labels.
    """
    if grading.facet_bank is None:
        return None
    return facet_labels(grading.facet_bank, embedders_of(grading)[0], grading.facet_threshold)


def diagnostics_of(
    grading: RecoveryGradingPlan,
    items: RewriteExam,
    predictions: Sequence[str],
    resampling: Resampling,
) -> RecoveryDiagnostics:
    """Return what models truncate, and which facets are recovered.

    Args:
        grading: Embedders, language model and bank of labels.
        items: The rows, with known prompts.
        predictions: The recovered prompts.
        resampling: How intervals are computed.
    """
    return RecoveryDiagnostics(
        truncation=_truncation(grading, items, predictions),
        facets=_facets(grading, items, predictions, resampling),
    )


def _facets(
    grading: RecoveryGradingPlan,
    items: RewriteExam,
    predictions: Sequence[str],
    resampling: Resampling,
) -> tuple[FacetResult, ...]:
    labels = facets_of(grading)
    if labels is None:
        return ()
    baselines = baselines_of(grading, items)
    found = []
    for facet in labels.facets:
        metric = FacetMatch(labels, facet)
        rows = metric.known_rows(items)
        if not rows:
            continue
        known = items.subset(rows)
        own = resampling_of(
            known,
            resampling.n_resamples,
            resampling.seed,
            resampling.level,
            cluster_by=grading.cluster_by,
        )
        result = grade(
            [metric],
            known,
            [predictions[row] for row in rows],
            baselines={name: [texts[row] for row in rows] for name, texts in baselines.items()},
            labellings=(),
            resampling=own,
        )[0][0]
        values = result.model_dump()
        values["baselines"][MOST_FREQUENT] = metric.most_frequent(known)
        found.append(FacetResult(**values, n=len(rows), n_labels=metric.n_labels(known)))
    return tuple(found)


def _truncation(
    grading: RecoveryGradingPlan, items: RewriteExam, predictions: Sequence[str]
) -> tuple[TextTruncation, ...]:
    kinds = {
        "predictions": predictions,
        "true prompts": items.prompts,
        "original texts": items.originals,
        "rewritten texts": items.rewrittens,
    }
    readers: list[tuple[str, str, int, Callable[[Sequence[str]], NDArray[np.bool_]]]] = [
        ("embedder", one.name, one.embedder.max_tokens, one.cut) for one in embedders_of(grading)
    ]
    if (model := likelihood_of(grading)) is not None:
        readers.append(("language model", model.name, model.max_text_tokens, model.cut))
    return tuple(
        TextTruncation(
            role=role,
            model=name,
            max_tokens=limit,
            kind=kind,
            n_cut=int(cut(texts).sum()),
            n=len(texts),
        )
        for role, name, limit, cut in readers
        for kind, texts in kinds.items()
    )
