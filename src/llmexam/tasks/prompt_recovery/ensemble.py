"""An ensemble of recovered prompts, and what it is worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import RenderableType

from llmexam.errors import SettingsError
from llmexam.evaluation.grading import compare, evaluate
from llmexam.evaluation.multiplicity import MEMBERS, adjust
from llmexam.evaluation.results import Comparison, Evaluation
from llmexam.recovery.embeddings import text_vectors
from llmexam.recovery.recoverer import Recovery
from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.wording import readable
from llmexam.report.grade_tables import ensemble_table
from llmexam.tasks.prompt_recovery.choosing import (
    AgreementSettings,
    Choice,
    Threshold,
    folds_of_rows,
)
from llmexam.tasks.prompt_recovery.grading import metrics_of, resampling_of
from llmexam.tasks.prompt_recovery.plan import RecoveryGradingPlan

Members = Mapping[str, Sequence[str | Recovery]]


@dataclass(frozen=True)
class PromptEnsemble:
    """Prompts chosen among several submissions, and what they are worth if truths are known.

    Attributes:
        ids: The ids of the rows.
        prompts: The prompt chosen for each; with weights fitted here, out of fold.
        chosen: The member that each comes from; the first, where several gave the same prompt.
            A candidate that is no member's answer comes from the first that considered it.
        settings: How they were chosen.
        weights: The weight of each member, adding up to 1, or its threshold in a gate; fitted
            ones are of all rows.
        temperature: Softmax temperature of the candidates: see `AgreementSettings`.
        trust: Power of the members' confidence: see `AgreementSettings`.
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
    weights: dict[str, Threshold]
    temperature: float | None = 0.0
    trust: float = 0.0
    fold_weights: tuple[dict[str, Threshold], ...] = ()
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
            column="threshold" if self.settings.method == "gate" else "weight",
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON-serialisable values."""
        return {
            "settings": self.settings.model_dump(mode="json"),
            "weights": self.weights,
            "temperature": self.temperature,
            "trust": self.trust,
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
    """Return the prompt of each row that members agree on, or that a confident one gave.

    Args:
        members: Prompts by the name of the member, in the order of the rows; or recoveries, whose
            candidates and confidence then count, too.
        settings: Weights and embedder.
        ids: The ids of the rows.
        exam: The rows; needed to fit weights, which each row gets out of fold. With known prompts,
            members and result are graded.

    Raises:
        ExamError: Weights are to be fitted, and a prompt is not known or there are too few groups.
        SettingsError: There are no members, or not of as many rows as ids; the weights do not match
            the members; or there is no exam to fit on.
        ModelError: The embedder cannot be loaded.
    """
    settings = settings or AgreementSettings()
    names = list(members)
    _check_sizes(members, ids, exam)
    answers = {name: [_recovery(one) for one in own] for name, own in members.items()}
    choice = Choice(
        answers,
        settings,
        text_vectors(settings.embedder),
        folds_of_rows(settings, exam, len(ids)),
        exam.prompts if exam is not None and settings.is_fitted else None,
    )
    chosen, by_fold = choice.among(names)
    found = choice.fit(names, range(len(ids))) if settings.is_fitted else by_fold[0]
    sources = _sources([one.text for one in chosen], answers)
    # A candidate may be a text that an answer never is, such as `None`.
    prompts = [readable(one.text) for one in chosen]
    gains: dict[str, Comparison] = {}
    grading = _Grading(answers, settings, exam) if exam is not None and exam.is_labelled else None
    if grading is not None:
        for name in names:
            rest = [other for other in names if other != name]
            # Members without any weight cannot be combined.
            is_possible = settings.method == "gate" or any(found.weights[one] for one in rest)
            if rest and (settings.is_fitted or is_possible):
                without = [one.text for one in choice.among(rest)[0]]
                gains[name] = grading.gain(prompts, name, without)
        gains = dict(zip(gains, adjust(list(gains.values()), MEMBERS), strict=True))
    return PromptEnsemble(
        ids=tuple(ids),
        prompts=tuple(prompts),
        chosen=tuple(sources),
        settings=settings,
        weights=dict(found.weights),
        temperature=found.temperature,
        trust=found.trust,
        fold_weights=tuple(dict(one.weights) for one in by_fold) if settings.is_fitted else (),
        members=grading.members() if grading is not None else (),
        evaluation=grading.evaluate(prompts) if grading is not None else None,
        gains=gains,
    )


def _check_sizes(members: Members, ids: Sequence[str], exam: RewriteExam | None) -> None:
    if not members:
        raise SettingsError("no members to combine", hint="Give the answers of at least one")
    sizes = {name: len(own) for name, own in members.items()}
    if exam is not None:
        sizes["the exam"] = len(exam)
    for name, size in sizes.items():
        if size != len(ids):
            raise SettingsError(f"expected {len(ids)} rows, as there are ids, got {size} of {name}")


def _recovery(one: str | Recovery) -> Recovery:
    return Recovery(one) if isinstance(one, str) else one


def _sources(prompts: Sequence[str], answers: Mapping[str, Sequence[Recovery]]) -> Iterator[str]:
    """Yield the member that each prompt comes from: the first that has it."""
    for row, text in enumerate(prompts):
        yield next(
            (name for name, own in answers.items() if own[row].text == text),
            # Of no member's answer, so of a member's candidates.
            next(
                (
                    name
                    for name, own in answers.items()
                    if any(one.text == text for one in own[row].candidates)
                ),
                "",
            ),
        )


class _Grading:
    """Grades of the members and of what is chosen among them."""

    def __init__(
        self,
        members: Mapping[str, Sequence[Recovery]],
        settings: AgreementSettings,
        exam: RewriteExam,
    ) -> None:
        plan = RecoveryGradingPlan(embedder=settings.embedder, n_resamples=settings.n_resamples)
        self._members, self._exam = members, exam
        self._metrics = metrics_of(plan)
        self._resampling = resampling_of(exam, plan.n_resamples, settings.seed)

    def members(self) -> tuple[Evaluation, ...]:
        return tuple(
            self.evaluate([one.text for one in own], name) for name, own in self._members.items()
        )

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
