"""An ensemble of recovered prompts: choose the prompt of each row by agreement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from rich.console import RenderableType

from llmexam.ensemble.combine import check_weights
from llmexam.errors import SettingsError
from llmexam.evaluation.grading import compare, evaluate
from llmexam.evaluation.results import Comparison, Evaluation
from llmexam.recovery.agreement import Agreement, Mixture
from llmexam.recovery.embeddings import TextVectors, text_vectors
from llmexam.recovery.groups import grouped_folds, prompt_groups
from llmexam.recovery.recoverer import Recovery
from llmexam.recovery.rewrites import RewriteExam
from llmexam.report.grade_tables import ensemble_table
from llmexam.settings.base import Settings
from llmexam.settings.kinds import ModelRef
from llmexam.tasks.prompt_recovery.grading import metrics_of, resampling_of
from llmexam.tasks.prompt_recovery.plan import OFFICIAL_EMBEDDER, RecoveryGradingPlan

Ints = NDArray[np.int64]
Members = Mapping[str, Sequence[str]]


class AgreementSettings(Settings):
    """Settings of ensembles of recovered prompts."""

    weights: dict[str, float] | Literal["equal", "fitted"] = Field(
        "equal",
        description="weights of the members: a number per name; equal; or fitted: the best of a "
        "grid on the exam's prompts. Fitted ones are used out of fold",
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
        chosen: The member that each comes from; the first, where several gave the same prompt.
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
    def table(self) -> RenderableType:
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
    weights = check_weights(names, given)
    is_fitted = settings.weights == "fitted"
    choice = _Choice(
        {name: [Recovery(text) for text in texts] for name, texts in members.items()},
        text_vectors(settings.embedder),
        weights,
        _folds(settings, exam, len(ids)),
        exam.prompts if exam is not None and is_fitted else None,
    )
    prompts, by_fold = choice.among(names)
    gains: dict[str, Comparison] = {}
    grading = _Grading(members, settings, exam) if exam is not None and exam.is_labelled else None
    if grading is not None:
        for name in names:
            rest = [other for other in names if other != name]
            if rest and (is_fitted or any(weights[other] for other in rest)):
                gains[name] = grading.gain(prompts, name, choice.among(rest)[0])
    return PromptEnsemble(
        ids=tuple(ids),
        prompts=tuple(prompts),
        chosen=tuple(
            next(name for name in names if members[name][row] == text)
            for row, text in enumerate(prompts)
        ),
        settings=settings,
        weights=choice.weights_of_all() if is_fitted else weights,
        fold_weights=tuple(by_fold) if is_fitted else (),
        members=grading.members() if grading is not None else (),
        evaluation=grading.evaluate(prompts) if grading is not None else None,
        gains=gains,
    )


class _TextAgreement(Agreement):
    """Agreement of single texts, which have no candidates and no confidence."""

    _TEMPERATURES = (inf,)
    _TRUSTS = (0.0,)


@dataclass(frozen=True)
class _Choice:
    """Chooses a prompt for each row, with the weights of the row's fold.

    Attributes:
        answers: The prompts of each member.
        vectors: The embedder.
        weights: Given weights.
        folds: The fold of each row, shape `[n_rows]`.
        prompts: True prompts to fit weights on; None for the given weights.
    """

    answers: Mapping[str, Sequence[Recovery]]
    vectors: TextVectors
    weights: Mapping[str, float]
    folds: Ints
    prompts: Sequence[str] | None

    def among(self, names: Sequence[str]) -> tuple[list[str], list[dict[str, float]]]:
        """Return the prompt of each row, chosen among some members, and their weights by fold."""
        chosen, by_fold = [""] * len(self.folds), []
        for fold in range(int(self.folds.max()) + 1):
            combiner, weights = self._combiner(names, np.flatnonzero(self.folds != fold).tolist())
            rows = np.flatnonzero(self.folds == fold).tolist()
            answers = [[self.answers[name][row] for row in rows] for name in names]
            for row, recovery in zip(rows, combiner.combine(answers), strict=True):
                chosen[row] = recovery.text
            by_fold.append(weights)
        return chosen, by_fold

    def weights_of_all(self) -> dict[str, float]:
        """Return the weights fitted on all rows."""
        return self._combiner(list(self.answers), range(len(self.folds)))[1]

    def _combiner(
        self, names: Sequence[str], rows: Sequence[int]
    ) -> tuple[Agreement, dict[str, float]]:
        """Return what combines members, fitted on some rows or with the given weights."""
        combiner = _TextAgreement(self.vectors)
        if self.prompts is None:
            total = sum(self.weights[name] for name in names)
            combiner.mixture = Mixture(tuple(self.weights[name] / total for name in names))
        else:
            answers = [[self.answers[name][row] for row in rows] for name in names]
            combiner.fit(answers, [self.prompts[row] for row in rows])
        assert combiner.mixture is not None
        return combiner, dict(zip(names, combiner.mixture.weights, strict=True))


class _Grading:
    """Grades of the members and of what is chosen among them."""

    def __init__(self, members: Members, settings: AgreementSettings, exam: RewriteExam) -> None:
        plan = RecoveryGradingPlan(embedder=settings.embedder, n_resamples=settings.n_resamples)
        self._members, self._exam = members, exam
        self._metrics = metrics_of(plan)
        self._resampling = resampling_of(exam, plan.n_resamples, settings.seed)

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
