"""An ensemble of recovered prompts: choose the prompt of each row by agreement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from rich.table import Table

from llmexam.ensemble.combine import check_weights
from llmexam.errors import SettingsError
from llmexam.evaluation.grading import compare, evaluate
from llmexam.evaluation.results import Comparison, Evaluation
from llmexam.recovery.embeddings import text_vectors
from llmexam.recovery.groups import grouped_folds, prompt_groups
from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.voting import choose, fit_weights, similarities
from llmexam.report.grade_tables import ensemble_table
from llmexam.settings.base import Settings
from llmexam.settings.kinds import ModelRef
from llmexam.tasks.prompt_recovery.grading import metrics_of, resampling_of
from llmexam.tasks.prompt_recovery.plan import OFFICIAL_EMBEDDER, RecoveryGradingPlan

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Members = Mapping[str, Sequence[str]]


class AgreementSettings(Settings):
    """Settings of ensembles of recovered prompts."""

    weights: dict[str, float] | Literal["equal", "fitted"] = Field(
        "equal",
        description="weights of the members: a number per name; equal; or fitted: forward "
        "selection with replacement on the exam's prompts. Fitted ones are used out of fold",
    )
    n_folds: int = Field(
        5, ge=2, le=100, description="number of folds of fitted weights, grouped by prompt"
    )
    seed: int = Field(0, ge=0, lt=2**32, description="random seed of the folds")
    embedder: ModelRef = Field(
        OFFICIAL_EMBEDDER, description="embedder of the agreement and of the grades"
    )
    n_resamples: int = Field(
        10_000, ge=100, le=1_000_000, description="number of bootstrap resamples"
    )


@dataclass(frozen=True)
class PromptEnsemble:
    """Prompts chosen among several submissions, and what they are worth if truths are known.

    Attributes:
        ids: The ids of the rows.
        prompts: The prompt chosen for each; with weights fitted here, out of fold.
        chosen: The member that each comes from.
        settings: How they were chosen.
        weights: The weight of each member, adding up to 1; fitted ones are of all rows.
        fold_weights: The weights without each fold; empty where none were fitted.
        members: Each member's grades; empty where prompts are not known.
        evaluation: The grades of the chosen prompts, or None likewise.
        gains: The ensemble against itself without each member, by name; empty likewise.
        warning: Why the grades are too optimistic, or empty.
    """

    ids: tuple[str, ...]
    prompts: tuple[str, ...]
    chosen: tuple[str, ...]
    settings: AgreementSettings
    weights: dict[str, float]
    fold_weights: tuple[dict[str, float], ...] = ()
    members: tuple[Evaluation, ...] = ()
    evaluation: Evaluation | None = None
    gains: dict[str, Comparison] = field(default_factory=dict)
    warning: str = ""

    @property
    def table(self) -> Table:
        """The members with their weights and grades, for the terminal."""
        return ensemble_table(
            "agreement",
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
            "n_chosen": dict(Counter(self.chosen)),
            "members": [member.model_dump(mode="json") for member in self.members],
            "gains": {name: gain.model_dump(mode="json") for name, gain in self.gains.items()},
            "evaluation": self.evaluation and self.evaluation.model_dump(mode="json"),
            "warning": self.warning,
        }


def combine_prompts(
    members: Members,
    settings: AgreementSettings | None = None,
    *,
    ids: Sequence[str],
    exam: RewriteExam | None = None,
) -> PromptEnsemble:
    """Return the prompt of each row with the best mean sharpened cosine to those of all members.

    Args:
        members: Prompts by the name of the member, in the order of the rows.
        settings: Weights and embedder.
        ids: The ids of the rows.
        exam: The rows; needed to fit weights, which each row gets out of fold. With known prompts,
            members and result are graded.

    Raises:
        ExamError: Weights are to be fitted, and a prompt is not known or there are too few groups.
        SettingsError: The weights do not match the members, or there is no exam to fit on.
        ModelError: The embedder cannot be loaded.
    """
    settings = settings or AgreementSettings()
    names = list(members)
    given = settings.weights if isinstance(settings.weights, dict) else None
    shares = np.array(list(check_weights(names, given).values()))
    folds = _folds(settings, exam, len(ids))
    similar = similarities(list(members.values()), text_vectors(settings.embedder))
    grading = _Grading(members, settings, exam) if exam is not None and exam.is_labelled else None
    fitted = grading.scores if grading is not None and settings.weights == "fitted" else None
    choice = _Choice(similar, shares, folds, fitted)
    everyone = list(range(len(names)))
    chosen, by_fold = choice.among(everyone)
    texts = np.array([list(own) for own in members.values()], dtype=object)
    rows = np.arange(len(ids))
    prompts = tuple(texts[chosen, rows])
    gains = {}
    if grading is not None:
        for n, name in enumerate(names):
            rest = [other for other in everyone if other != n]
            if rest and (fitted is not None or shares[rest].any()):
                without = tuple(texts[choice.among(rest)[0], rows])
                gains[name] = grading.gain(prompts, name, without)
    final = shares if fitted is None else fit_weights(similar, fitted)
    return PromptEnsemble(
        ids=tuple(ids),
        prompts=prompts,
        chosen=tuple(names[member] for member in chosen),
        settings=settings,
        weights=_named(names, final),
        fold_weights=tuple(_named(names, one) for one in by_fold) if fitted is not None else (),
        members=grading.members() if grading is not None else (),
        evaluation=grading.evaluate(prompts) if grading is not None else None,
        gains=gains,
    )


@dataclass(frozen=True)
class _Choice:
    """Chooses a member for each row, with the weights of the row's fold.

    Attributes:
        similar: Sharpened cosines, shape `[n_rows, n_members, n_members]`.
        shares: Given weights, shape `[n_members]`.
        folds: The fold of each row, shape `[n_rows]`.
        scores: Scores of each member's prompts to fit weights on, shape `[n_rows, n_members]`;
            None for the given weights.
    """

    similar: Floats
    shares: Floats
    folds: Ints
    scores: Floats | None

    def among(self, members: Sequence[int]) -> tuple[Ints, list[Floats]]:
        """Return the member of each row, chosen among some, and their weights by fold."""
        kept = np.array(members)
        similar = self.similar[:, kept][:, :, kept]
        chosen, by_fold = np.zeros(len(similar), dtype=np.int64), []
        for fold in range(int(self.folds.max()) + 1):
            rows = self.folds == fold
            if self.scores is None:
                weights = self.shares[kept]
            else:
                weights = fit_weights(similar[~rows], self.scores[~rows][:, kept])
            chosen[rows] = kept[choose(similar[rows], weights)]
            by_fold.append(weights)
        return chosen, by_fold


class _Grading:
    """Grades of the members and of what is chosen among them."""

    def __init__(self, members: Members, settings: AgreementSettings, exam: RewriteExam) -> None:
        plan = RecoveryGradingPlan(embedder=settings.embedder, n_resamples=settings.n_resamples)
        self._members, self._exam = members, exam
        self._metrics = metrics_of(plan)
        self._resampling = resampling_of(exam, plan.n_resamples, settings.seed)
        columns = [self._metrics[0].values(exam, list(texts)) for texts in members.values()]
        self.scores: Floats = np.stack(columns, axis=1)

    def members(self) -> tuple[Evaluation, ...]:
        return tuple(self.evaluate(texts, name) for name, texts in self._members.items())

    def evaluate(self, texts: Sequence[str], name: str = "ensemble") -> Evaluation:
        return evaluate(
            self._metrics,
            self._exam,
            list(texts),
            name=name,
            baselines={},
            resampling=self._resampling,
        )

    def gain(self, texts: Sequence[str], name: str, without: Sequence[str]) -> Comparison:
        return compare(
            self._metrics[:1],
            self._exam,
            list(texts),
            list(without),
            name_a="ensemble",
            name_b=f"without {name}",
            resampling=self._resampling,
        )


def _folds(settings: AgreementSettings, exam: RewriteExam | None, n_rows: int) -> Ints:
    """Return the fold of each row; one for all where no weights are fitted."""
    if settings.weights != "fitted":
        return np.zeros(n_rows, dtype=np.int64)
    if exam is None:
        raise SettingsError(
            "fitting weights needs rows with known prompts",
            field="weights",
            hint="Give them with --exam, or use equal weights",
        )
    return grouped_folds(prompt_groups(exam.prompts), settings.n_folds, seed=settings.seed)


def _named(names: Sequence[str], weights: Floats) -> dict[str, float]:
    return dict(zip(names, map(float, weights), strict=True))
