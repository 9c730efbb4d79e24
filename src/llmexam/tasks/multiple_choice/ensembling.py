"""Combine score files, with given weights or with weights fitted on an exam's answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from llmexam.ensemble.build import Ensemble, build_ensemble
from llmexam.ensemble.gains import member_gains
from llmexam.ensemble.settings import EnsembleSettings
from llmexam.ensemble.weights_file import SavedWeights, read_weights, write_weights
from llmexam.errors import SettingsError
from llmexam.evaluation.alignment import align_scores
from llmexam.evaluation.evaluate import evaluate_scores
from llmexam.evaluation.results import Comparison, Evaluation
from llmexam.exam.exam import Exam
from llmexam.exam.loading import load_exam
from llmexam.exam.parsers import ExamSource
from llmexam.exam.score_files import check_scores_name, read_scores, write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.submission import write_submission
from llmexam.report.grade_tables import ensemble_table
from llmexam.tasks.capabilities import CombineRequest, name_members


@dataclass(frozen=True)
class EnsembleOutcome:
    """Combined scores, with metrics if the exam has answers.

    Attributes:
        scores: The combined scores; out of fold if the weights were fitted here.
        settings: How they were combined.
        weights: The share of each member, adding up to 1.
        fold_weights: The weights without each fold, or empty where none were fitted.
        members: Each member's grades, or empty where there is no exam with answers.
        evaluation: The grades of the combined scores, or None likewise.
        gains: The ensemble against itself without each member, by name; empty likewise.
        warning: Why the grades flatter, or empty.
    """

    scores: ScoreMatrix
    settings: EnsembleSettings
    weights: dict[str, float]
    fold_weights: tuple[dict[str, float], ...] = ()
    members: tuple[Evaluation, ...] = ()
    evaluation: Evaluation | None = None
    gains: dict[str, Comparison] = field(default_factory=dict)
    warning: str = ""

    @property
    def table(self) -> RenderableType:
        """The members with their weights and grades, for the terminal."""
        return ensemble_table(
            self.settings.method,
            self.weights,
            self.members,
            self.evaluation,
            self.gains,
            out_of_fold=bool(self.fold_weights),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON-serialisable values."""
        return {
            "settings": self.settings.model_dump(mode="json"),
            "weights": self.weights,
            "fold_weights": self.fold_weights,
            "members": [member.model_dump(mode="json") for member in self.members],
            "gains": {name: gain.model_dump(mode="json") for name, gain in self.gains.items()},
            "evaluation": self.evaluation and self.evaluation.model_dump(mode="json"),
            "warning": self.warning,
        }


def combine_files(request: CombineRequest) -> EnsembleOutcome:
    """Combine score files as the command line asks.

    Raises:
        LlmExamError: What `ensemble` raises.
    """
    options = dict(request.options)
    k = options.pop("k", 3)
    values = {**options, **({} if request.weights is None else {"weights": request.weights})}
    settings = (
        None
        if request.weights_file is not None and not values
        else EnsembleSettings.parse(values, subject="the ensemble")
    )
    return ensemble(
        request.members,
        settings,
        weights_file=request.weights_file,
        exam=None if request.exam is None else request.exam.source,
        out=request.out,
        out_weights=request.out_weights,
        submission=request.submission,
        k=k,
    )


def ensemble(
    scores: Mapping[str, ScoreMatrix] | Sequence[str | Path],
    settings: EnsembleSettings | None = None,
    *,
    weights_file: str | Path | None = None,
    exam: Exam | ExamSource | str | Path | None = None,
    format: str | None = None,
    out: str | Path | None = None,
    out_weights: str | Path | None = None,
    submission: str | Path | None = None,
    k: int = 3,
    n_resamples: int = 10_000,
) -> EnsembleOutcome:
    """Combine scores into one score matrix.

    Weights are honest in two ways. Found here (`settings.weights` is "fitted" or "greedy"), every
    question is combined with weights that never saw its fold; the weights of all questions go to
    `out_weights`, for the scores of another exam. Read from `weights_file`, they are applied as
    they are, and the outcome warns if the exam is the one they were fitted on.

    Args:
        scores: Score matrices by the name of the member, or score files. A file is called by its
            name without the ending, or as NAME in `NAME=PATH`.
        settings: Method, weights, folds and seed.
        weights_file: Weights fitted earlier, with their method; then `settings` is not given.
        exam: The questions, their file, or `bundled`. Needed to fit; the scores must be of its
            questions and come out in its order; with answers, members and result are graded.
        format: Format of the exam's file, found out where it is not given.
        out: Score file to write.
        out_weights: Weights file to write, where weights are fitted.
        submission: Submission file to write.
        k: How many options a question gets in the submission, and how many count in metrics.
        n_resamples: Bootstrap resamples behind each interval.

    Raises:
        ExamError: The exam cannot be read, or lacks answers that fitting needs.
        ScoreError: A score file cannot be read, or the members do not fit each other or the exam.
        SettingsError: Settings or weights cannot be used, or contradict each other.
    """
    if out is not None:
        check_scores_name(out)
    saved = None if weights_file is None else read_weights(weights_file)
    if saved is not None and settings is not None:
        raise SettingsError(
            "a weights file already sets method and weights",
            file=weights_file,
            hint="Give either the file or the settings",
        )
    chosen = saved.to_settings(weights_file) if saved else settings or EnsembleSettings()
    if out_weights is not None and not chosen.is_fitted:
        raise SettingsError(
            "there are no fitted weights to write",
            file=out_weights,
            hint="Fit weights on an exam with answers (--fit or --greedy, with --exam), "
            "or remove --out-weights",
        )
    if format is not None and exam is None:
        raise SettingsError(
            f"exam format '{format}' is given without an exam",
            field="format",
            hint="Give the exam as well, or remove the format",
        )
    members = load_members(scores)
    questions = None if exam is None else load_exam(exam, format)
    built = build_ensemble(members, chosen, questions)
    if questions is not None:
        built = replace(built, scores=align_scores(questions, built.scores))
    outcome = _grade(built, members, chosen, questions, saved, k, n_resamples)
    if out is not None:
        write_scores(out, outcome.scores, _describe(outcome, questions))
    if out_weights is not None and questions is not None:
        write_weights(out_weights, _to_save(outcome, questions))
    if submission is not None:
        write_submission(submission, outcome.scores, k)
    return outcome


def load_members(
    scores: Mapping[str, ScoreMatrix] | Sequence[str | Path],
) -> dict[str, ScoreMatrix]:
    """Return score matrices by name, read from files where needed.

    Raises:
        ScoreError: A file cannot be read, or two members have one name.
    """
    if isinstance(scores, Mapping):
        return dict(scores)
    return {name: read_scores(path)[0] for name, path in name_members(scores).items()}


def _grade(
    built: Ensemble,
    members: Mapping[str, ScoreMatrix],
    settings: EnsembleSettings,
    exam: Exam | None,
    saved: SavedWeights | None,
    k: int,
    n_resamples: int,
) -> EnsembleOutcome:
    graded: tuple[Evaluation, ...] = ()
    own = None
    gains: dict[str, Comparison] = {}
    warning = ""
    if exam is not None and exam.is_labelled:
        graded = tuple(
            evaluate_scores(exam, matrix, name=name, k=k, n_resamples=n_resamples)
            for name, matrix in members.items()
        )
        own = evaluate_scores(exam, built.scores, name="ensemble", k=k, n_resamples=n_resamples)
        gains = member_gains(members, built, settings, exam, k=k, n_resamples=n_resamples)
        if saved is not None and saved.exam_hash == exam.content_hash:
            warning = (
                "the weights were fitted on this exam, so the ensemble's scores are "
                "too optimistic; --fit gives out-of-fold scores"
            )
    return EnsembleOutcome(
        scores=built.scores,
        settings=settings,
        weights=built.weights,
        fold_weights=built.fitted.fold_weights if built.fitted else (),
        members=graded,
        evaluation=own,
        gains=gains,
        warning=warning,
    )


def _describe(outcome: EnsembleOutcome, exam: Exam | None) -> dict[str, str]:
    """Return what made the scores, for the metadata of their file."""
    return {
        "solver": "ensemble",
        "method": outcome.settings.method,
        "weights": json.dumps(outcome.weights, sort_keys=True),
        "out_of_fold": str(bool(outcome.fold_weights)).lower(),
        "exam_hash": exam.content_hash if exam is not None else "",
    }


def _to_save(outcome: EnsembleOutcome, exam: Exam) -> SavedWeights:
    return SavedWeights(
        method=outcome.settings.method,
        weights=outcome.weights,
        temperature=outcome.settings.temperature,
        rank_constant=outcome.settings.rank_constant,
        exam_hash=exam.content_hash,
        n_questions=len(exam),
        fold_weights=outcome.fold_weights,
    )
