"""How an ensemble of recovered prompts chooses: settings, and the choice by fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from llmexam.ensemble.combine import check_weights
from llmexam.errors import SettingsError
from llmexam.recovery.agreement import Agreement, Mixture
from llmexam.recovery.combining import Combiner, Gate
from llmexam.recovery.embeddings import TextVectors
from llmexam.recovery.groups import grouped_folds, prompt_groups
from llmexam.recovery.recoverer import Recovery
from llmexam.recovery.rewrites import RewriteExam
from llmexam.settings.base import Settings
from llmexam.settings.kinds import ModelRef
from llmexam.tasks.prompt_recovery.plan import OFFICIAL_EMBEDDER

Ints = NDArray[np.int64]
Method = Literal["agreement", "gate"]
Threshold = float | Literal["always", "never"]
"""The confidence from which a member of a gate answers."""


class AgreementSettings(Settings):
    """Settings of ensembles of recovered prompts."""

    method: Method = Field(
        "agreement",
        description="agreement: the candidate with the best weighted expected score over all "
        "members' candidates; gate: the first member, in the order given, whose confidence reaches "
        "its threshold",
    )
    weights: dict[str, Threshold] | Literal["equal", "fitted"] = Field(
        "equal",
        description="weights of the members: a number per name; equal; or fitted: the best of a "
        "grid on the exam's prompts. Fitted ones are used out of fold. For `gate` the weights are "
        "the thresholds: a number, `always` or `never`",
    )
    temperature: float | None = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="candidates of a member are weighted by a softmax of their scores with this "
        "temperature; 0 uses only its answer, null weights all alike. Fitted with the weights",
    )
    trust: float = Field(
        0.0,
        ge=0,
        le=100,
        allow_inf_nan=False,
        description="power of a member's confidence in a row that its weight is multiplied by; "
        "fitted with the weights",
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

    @property
    def is_fitted(self) -> bool:
        """Whether weights are fitted on the exam's prompts."""
        return self.weights == "fitted"

    @model_validator(mode="after")
    def _check_method(self) -> Self:
        if self.method == "gate" and self.weights == "equal":
            raise ValueError("a gate needs thresholds: fit them (--fit), or give a weights file")
        values = list(self.weights.values()) if isinstance(self.weights, dict) else []
        texts = [one for one in values if isinstance(one, str)]
        if self.method == "agreement" and texts:
            raise ValueError(f"expected a number as weight, got '{texts[0]}'")
        if any(isinstance(one, float) and not np.isfinite(one) for one in values):
            raise ValueError("expected finite weights")
        if self.method == "gate" and (self.temperature or self.trust):
            raise ValueError("`temperature` and `trust` belong to agreement: leave them out")
        fitted = {"temperature", "trust"} & self.model_fields_set
        if self.is_fitted and fitted:
            raise ValueError(f"`{min(fitted)}` is fitted with the weights: leave it out")
        return self


@dataclass(frozen=True)
class Fitted:
    """What says how members are combined.

    Attributes:
        weights: The weight of each member, adding up to 1; for a gate its threshold.
        temperature: See `AgreementSettings`.
        trust: See `AgreementSettings`.
    """

    weights: Mapping[str, Threshold]
    temperature: float | None = 0.0
    trust: float = 0.0

    def combiner(self, names: Sequence[str], vectors: TextVectors) -> Combiner:
        """Return what combines some members in this way.

        Args:
            names: The members, in their order.
            vectors: The embedder.
        """
        values = [self.weights[name] for name in names]
        if any(isinstance(value, str) for value in values):
            gate = Gate(vectors)
            gate.thresholds = tuple(map(_number, values))
            return gate
        combiner = Agreement(vectors)
        total = sum(map(_number, values))
        combiner.mixture = Mixture(
            tuple(_number(value) / total for value in values),
            inf if self.temperature is None else self.temperature,
            self.trust,
        )
        return combiner


@dataclass(frozen=True)
class Choice:
    """Chooses a prompt for each row, with the weights of the row's fold.

    Attributes:
        answers: The recoveries of each member.
        settings: How it chooses.
        vectors: The embedder.
        folds: The fold of each row, shape `[n_rows]`.
        prompts: True prompts to fit on; None where nothing is fitted.
    """

    answers: Mapping[str, Sequence[Recovery]]
    settings: AgreementSettings
    vectors: TextVectors
    folds: Ints
    prompts: Sequence[str] | None

    def among(self, names: Sequence[str]) -> tuple[list[Recovery], list[Fitted]]:
        """Return the recovery of each row, chosen among some members, and what chose by fold."""
        chosen: dict[int, Recovery] = {}
        by_fold = []
        if self.settings.method == "gate" and isinstance(self.settings.weights, dict):
            # Thresholds are worth nothing in another order than they were fitted in.
            names = [name for name in self.settings.weights if name in names]
        for fold in range(int(self.folds.max()) + 1):
            fitted = self.fit(names, np.flatnonzero(self.folds != fold).tolist())
            rows = np.flatnonzero(self.folds == fold).tolist()
            combiner = fitted.combiner(names, self.vectors)
            chosen.update(zip(rows, combiner.combine(self._answers(names, rows)), strict=True))
            by_fold.append(fitted)
        return [chosen[row] for row in range(len(self.folds))], by_fold

    def fit(self, names: Sequence[str], rows: Sequence[int]) -> Fitted:
        """Return how members are best combined on some rows, or how it was given."""
        settings = self.settings
        if self.prompts is None:
            given = settings.weights if isinstance(settings.weights, dict) else None
            if settings.method == "gate":
                assert given is not None
                return Fitted(self._thresholds(names, given))
            numbers = {name: _number(one) for name, one in given.items()} if given else None
            weights = check_weights(list(self.answers), numbers)
            total = sum(weights[name] for name in names)
            own: dict[str, Threshold] = {name: weights[name] / total for name in names}
            return Fitted(own, settings.temperature, settings.trust)
        answers = self._answers(names, rows)
        prompts = [self.prompts[row] for row in rows]
        if settings.method == "gate":
            gate = Gate(self.vectors)
            gate.fit(answers, prompts)
            return Fitted(dict(zip(names, map(_name, gate.thresholds), strict=True)))
        agreement = Agreement(self.vectors)
        agreement.fit(answers, prompts)
        mixture = agreement.mixture
        assert mixture is not None
        temperature = None if mixture.temperature == inf else mixture.temperature
        return Fitted(dict(zip(names, mixture.weights, strict=True)), temperature, mixture.trust)

    def _thresholds(
        self, names: Sequence[str], given: Mapping[str, Threshold]
    ) -> dict[str, Threshold]:
        """Return the thresholds of some members; the last one always answers.

        Raises:
            SettingsError: They are not those of the members, or one cannot be reached.
        """
        if different := set(given) ^ set(self.answers):
            name = min(different)
            is_member = name in self.answers
            raise SettingsError(
                f"member '{name}' has no threshold"
                if is_member
                else f"threshold for unknown member '{name}'",
                field="weights",
                hint="Give the members of the weights file, under the same names",
            )
        found = {**{name: given[name] for name in names}, names[-1]: "always"}
        for name, threshold in found.items():
            if not isinstance(threshold, str) and all(
                np.isnan(one.confidence) for one in self.answers[name]
            ):
                raise SettingsError(
                    f"member '{name}' has a threshold, but its answers have no confidence",
                    field="weights",
                    hint="Give its file of answers in the folder of a run, not a submission",
                )
        return found

    def _answers(self, names: Sequence[str], rows: Sequence[int]) -> list[list[Recovery]]:
        return [[self.answers[name][row] for row in rows] for name in names]


def folds_of_rows(settings: AgreementSettings, exam: RewriteExam | None, n_rows: int) -> Ints:
    """Return the fold of each row, shape `[n_rows]`; one for all where nothing is fitted.

    Raises:
        ExamError: A prompt is not known, or there are too few groups of near-equal prompts.
        SettingsError: There is no exam to fit on.
    """
    if not settings.is_fitted:
        return np.zeros(n_rows, dtype=np.int64)
    if exam is None:
        raise SettingsError(
            "fitting weights needs rows with known prompts",
            field="weights",
            hint="Give them with --exam, or use equal weights",
        )
    return grouped_folds(prompt_groups(exam.prompts), settings.n_folds, seed=settings.seed)


def _number(value: Threshold) -> float:
    return {"always": -inf, "never": inf}[value] if isinstance(value, str) else value


def _name(threshold: float) -> Threshold:
    return {-inf: "always", inf: "never"}.get(threshold, threshold)  # type: ignore[return-value]
