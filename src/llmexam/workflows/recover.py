"""Recover prompts, grade them, and search for a mean prompt, without a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ExamError, SettingsError
from llmexam.evaluation.results import Evaluation
from llmexam.recovery.embeddings import sharpen, text_vectors
from llmexam.recovery.groups import grouped_split, prompt_groups
from llmexam.recovery.parsing import read_rewrites
from llmexam.recovery.phrase_search import SearchResult, SearchSettings, search_mean_prompt
from llmexam.recovery.recoverer import Progress, Recovery, no_progress
from llmexam.recovery.recoverers.registry import recoverer_class
from llmexam.recovery.rewrites import RewriteExam, join
from llmexam.sample import BUNDLED
from llmexam.tasks.prompt_recovery.answers import Training, recover
from llmexam.tasks.prompt_recovery.plan import RecoveryGradingPlan, rewrites_path
from llmexam.tasks.prompt_recovery.predictions import RecoveryGrader

_SHARES = {"searched": 0.8, "held out": 0.2}


@dataclass(frozen=True)
class MeanPromptResult:
    """A mean prompt and what it is worth on prompts that it was not searched on.

    Attributes:
        search: What the search found.
        held_out: Mean sharpened cosine on the rows that were kept back; None if none were.
        n_rows: Rows that were searched on.
        n_held_out: Rows that were kept back.
    """

    search: SearchResult
    held_out: float | None
    n_rows: int
    n_held_out: int


def load_rewrites(
    paths: str | Path | Sequence[str | Path], fields: Mapping[str, str] | None = None
) -> RewriteExam:
    """Read files of rewrites; `bundled` is the sample, whose columns have the usual names.

    Raises:
        ExamError: A file cannot be read.
    """
    several = [paths] if isinstance(paths, str | Path) else list(paths)
    read = [
        read_rewrites(rewrites_path(path), fields=None if path == BUNDLED else fields)
        for path in several
    ]
    return read[0] if len(read) == 1 else join(read)


def recover_prompts(
    exam: RewriteExam,
    recoverer: str,
    settings: Mapping[str, Any] | None = None,
    *,
    train: RewriteExam | None = None,
    progress: Progress = no_progress,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Recovery]:
    """Return the recovered prompt of each row.

    Args:
        exam: The rows; their prompts are not read.
        recoverer: Name of the recoverer.
        settings: Its settings.
        train: Rows with known prompts, for recoverers that learn.
        progress: Called with how many rows are done, and how many there are.
        tell: Called with what was used beside time, such as tokens and money.

    Raises:
        SettingsError: There is no such recoverer, a setting is wrong, or it needs `train`.
        ExamError: A prompt of the training rows is not known.
    """
    kind = recoverer_class(recoverer)
    parsed = kind.settings_class.parse(
        settings or {}, subject=f"recoverer '{recoverer}'", given_as="--set {key}={value}"
    )
    if kind.is_fitted and train is None:
        raise SettingsError(
            f"recoverer '{recoverer}' learns from rows with known prompts",
            field="train",
            hint="Give a file of them: --train FILE",
        )
    found, used = recover(lambda: kind(parsed), exam, Training(train), progress)
    if usage := str(used.used()):
        tell(usage)
    return found


def evaluate_prompts(
    exam: RewriteExam,
    prompts: Mapping[str, str] | str | Path,
    *,
    name: str | None = None,
    grading: RecoveryGradingPlan | None = None,
    seed: int = 0,
    level: float = 0.95,
) -> Evaluation:
    """Return all metrics of recovered prompts, with intervals, baselines and slices.

    Args:
        exam: The rows, with known prompts.
        prompts: Recovered prompts by id, or a submission file.
        name: What to call them; by default the name of the file.
        grading: Embedders and number of resamples.
        seed: Random seed of the resampling.
        level: Level of the intervals.

    Raises:
        ExamError: A prompt of the exam is not known.
        SubmissionError: The submission is not one of this exam.
    """
    called = name or (Path(prompts).stem if isinstance(prompts, str | Path) else "prompts")
    options = {} if grading is None else grading.model_dump(exclude_unset=True)
    return RecoveryGrader().evaluate(
        exam, prompts, name=called, seed=seed, level=level, options=options
    )


def search_mean(
    exam: RewriteExam,
    settings: SearchSettings | None = None,
    *,
    embedder: str = "bundled",
    hold_out: bool = True,
    progress: Progress = no_progress,
) -> MeanPromptResult:
    """Search for the text with the highest mean sharpened cosine to known prompts.

    Args:
        exam: Rows with known prompts.
        settings: Width and length of the search.
        embedder: Embedder of the score.
        hold_out: Keep a fifth of the rows back, in groups of near-equal prompts, and score the
            text on them: the score on the others is too high.
        progress: Called after each step.

    Raises:
        ExamError: A prompt is not known, or there are too few groups of prompts to keep some back.
    """
    vectors = text_vectors(embedder)
    prompts = np.array(exam.prompts, dtype=object)
    kept = np.zeros(len(prompts), dtype=bool)
    if hold_out:
        kept[_held_out(exam)] = True
    found = search_mean_prompt(
        prompts[~kept].tolist(), vectors, settings or SearchSettings(), progress
    )
    score = None
    if hold_out:
        target = vectors.encode([found.text])[0]
        score = float(sharpen(vectors.encode(prompts[kept].tolist()) @ target).mean())
    return MeanPromptResult(found, score, int((~kept).sum()), int(kept.sum()))


def _held_out(exam: RewriteExam) -> NDArray[np.int64]:
    try:
        return grouped_split(prompt_groups(exam.prompts), _SHARES)["held out"]
    except ExamError:
        raise ExamError(
            "expected at least 2 groups of near-equal prompts, to hold out one of them",
            file=exam.source or None,
            field="rewrite_prompt",
            hint="Give more rows, or hold out none: --no-hold-out",
        ) from None
