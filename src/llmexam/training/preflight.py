"""Checks of data and losses before and after training."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmexam.errors import ExamError, ModelError, plural
from llmexam.exam.audit import Finding
from llmexam.exam.audit.balance import check_balance, measure_balance
from llmexam.exam.audit.finding import Overlap, Rows
from llmexam.exam.audit.overlap import find_in_exam
from llmexam.exam.audit.repeats import check_repeats, options_key
from llmexam.exam.exam import Exam
from llmexam.exam.normalise import normalise
from llmexam.training.one_right import one_right_finding
from llmexam.training.protocol import CurvePoint

NEAR_THRESHOLD = 0.7
# Share of truncated evidence from which the finding is a warning.
_MUCH_CUT = 0.5
_LEAKS = ("same question", "same prompt", "near duplicate")
# Tolerances of the softmax loss to that of uniform scores: of the first step of a new head, and of
# the last step of a model that learned nothing.
FIRST_LOSS_TOLERANCE, STUCK_TOLERANCE = 0.5, 0.01


@dataclass(frozen=True, slots=True)
class Checked:
    """Checked training questions.

    Attributes:
        train: The questions to train on: each once, none of those that are graded later.
        findings: What a person should know.
        n_repeated: Questions left out because an earlier one is the same.
        n_leaking: Questions left out because they are in an exam that is graded.
    """

    train: Exam
    findings: tuple[Finding, ...]
    n_repeated: int
    n_leaking: int


def check_training_exam(
    train: Exam, graded: Mapping[str, Exam], *, drop_leaks: bool = False, seed: int = 0
) -> Checked:
    """Check training questions, and remove those that must not be trained on.

    Args:
        train: The questions.
        graded: Exams by name whose scores are looked at: dev, test, and those reported on. A
            question is in one of them if its prompt is, exactly or, with an option in common,
            almost.
        drop_leaks: Leave such questions out, where they would be refused.
        seed: Of the simulation behind the balance check and of the MinHash permutations.

    Raises:
        ExamError: A question has no answer, none is left, or some are in an exam that is graded.
    """
    require_trainable(train)
    rows = list(enumerate(train, 1))
    findings = [f for f in check_repeats(rows) if f.check == "contradictions"]
    repeated = _repeated(rows)
    if repeated:
        text = f"skipped {plural(len(repeated), 'duplicate question')}"
        findings.append(Finding("repeated rows", "warning", text, tuple(sorted(repeated))))
    kept = [(row, question) for row, question in rows if row not in repeated]
    leaking: set[int] = set()
    for name, exam in graded.items():
        others = list(enumerate(exam, 1))
        found = find_in_exam(kept, others, file=name, threshold=NEAR_THRESHOLD, seed=seed)
        leaks = [overlap for overlap in found if overlap.kind in _LEAKS]
        if leaks and not drop_leaks:
            raise _leak_error(train, name, leaks)
        leaking |= {overlap.row for overlap in leaks}
        if leaks:
            findings.append(_leak_finding(name, leaks))
    kept = [(row, question) for row, question in kept if row not in leaking]
    if not kept:
        raise ExamError("no training questions remain", file=train.source or None)
    findings += check_balance(measure_balance(kept, seed=seed))
    clean = train.subset([row - 1 for row, _ in kept])
    findings += one_right_finding(clean)
    return Checked(clean, tuple(findings), len(repeated), len(leaking))


def require_trainable(exam: Exam) -> None:
    """Check that an exam can be trained on.

    Raises:
        ExamError: It has no questions, or one has no answer.
    """
    if not len(exam):
        raise ExamError("there are no training questions", file=exam.source or None)
    unanswered = [row for row, question in enumerate(exam, 1) if question.answer is None]
    if unanswered:
        raise ExamError(
            f"{plural(len(unanswered), 'training question')} without an answer",
            file=exam.source or None,
            row=unanswered[0],
            field="answer",
            hint="Remove the questions without an answer",
        )


def without_repeats(exam: Exam) -> Exam:
    """Return an exam without duplicate questions.

    The order of the options and the evidence make no difference; the right option does.
    """
    repeated = _repeated(list(enumerate(exam)))
    if not repeated:
        return exam
    return exam.subset([place for place in range(len(exam)) if place not in repeated])


def check_evidence_cut(share_cut: float, n_truncated: int, n_questions: int) -> Finding | None:
    """Return a finding of truncated evidence, or None.

    Args:
        share_cut: Share of the evidence's tokens that is cut, 0 to 1.
        n_truncated: Questions whose evidence is cut.
        n_questions: All questions.
    """
    if not n_truncated:
        return None
    text = (
        f"{share_cut:.0%} of the evidence's tokens are truncated, in {n_truncated:,} "
        f"of {n_questions:,} questions: raise max_tokens, or select fewer sentences"
    )
    severity = "warning" if share_cut > _MUCH_CUT else "note"
    return Finding("truncated evidence", severity, text)


def require_full_precision(model: Any) -> None:
    """Check that no trained parameter has 16 bits.

    transformers 5 loads weights in the type they were saved in. Updates of 16-bit weights are
    lost in rounding, and the loss stays at that of even scores; autocast brings the same speed.

    Args:
        model: A torch module.

    Raises:
        ModelError: One has.
    """
    found = Counter(
        str(p.dtype).removeprefix("torch.")
        for p in model.parameters()
        if p.requires_grad and p.dtype.is_floating_point and p.element_size() < 4
    )
    if found:
        dtype, n = found.most_common(1)[0]
        raise ModelError(
            f"expected trainable parameters in float32, got {n} in {dtype}",
            hint="Load the model with dtype=torch.float32; `precision` sets the type of "
            "the arithmetic",
        )


def expected_first_loss(n_options: Sequence[int]) -> float:
    """Return the softmax loss of equal scores for all options: the mean of ln n.

    >>> round(expected_first_loss([5, 5]), 4)
    1.6094
    """
    return sum(math.log(n) for n in n_options) / len(n_options)


def check_first_loss(curve: Sequence[CurvePoint], n_options: Sequence[int]) -> Finding | None:
    """Return a warning if the first loss of a new softmax head is far from uniform scores.

    Args:
        curve: What was measured; its first point is that of the first step.
        n_options: Options of each training question.
    """
    losses = [point.values["loss"] for point in curve if "loss" in point.values]
    if not losses:
        return None
    expected = expected_first_loss(n_options)
    if abs(losses[0] - expected) <= FIRST_LOSS_TOLERANCE:
        return None
    text = (
        f"the first loss is {losses[0]:.3f}, but a new head should give about "
        f"{expected:.3f}: check the scale of the head and the learning rate"
    )
    return Finding("first loss", "warning", text)


def check_stuck(curve: Sequence[CurvePoint], n_options: Sequence[int]) -> Finding | None:
    """Return a warning if the last softmax loss equals that of uniform scores.

    Args:
        curve: What was measured.
        n_options: Options of each training question.
    """
    losses = [point.values["loss"] for point in curve if "loss" in point.values]
    expected = expected_first_loss(n_options)
    if len(losses) < 2 or abs(losses[-1] - expected) > STUCK_TOLERANCE:
        return None
    text = (
        f"the final loss is {losses[-1]:.3f}, that of equal scores: the model learned "
        "nothing. Raise learning_rate or head_learning_rate, or train longer"
    )
    return Finding("stuck", "warning", text)


def _repeated(rows: Rows) -> set[int]:
    """Return the rows that say what an earlier one says: prompt, options and answer."""
    seen: set[tuple[str, tuple[str, ...], tuple[str, ...]]] = set()
    repeated = set()
    for row, question in rows:
        right = sorted(" ".join(question.options[i].split()) for i in question.right_options)
        key = (normalise(question.prompt), options_key(question), tuple(right))
        if key in seen:
            repeated.add(row)
        seen.add(key)
    return repeated


def _shown(leaks: Sequence[Overlap]) -> str:
    shown = ", ".join(f"row {leak.row} matches row {leak.other_row}" for leak in leaks[:3])
    return shown + (f", and {len(leaks) - 3:,} more" if len(leaks) > 3 else "")


def _leak_error(train: Exam, name: str, leaks: Sequence[Overlap]) -> ExamError:
    return ExamError(
        f"{plural(len(leaks), 'training question')} duplicated exactly or nearly in "
        f"{name} ({_shown(leaks)})",
        file=train.source or None,
        field="drop_leaks",
        hint="Set drop_leaks: true to train without them",
    )


def _leak_finding(name: str, leaks: Sequence[Overlap]) -> Finding:
    text = (
        f"skipped {plural(len(leaks), 'question')} duplicated exactly or nearly in {name} "
        f"({_shown(leaks)})"
    )
    return Finding("leakage", "warning", text, tuple(leak.row for leak in leaks))
