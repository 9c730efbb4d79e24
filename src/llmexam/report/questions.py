"""View models of questions for the templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from llmexam.evaluation.alignment import align_scores
from llmexam.exam.exam import Exam
from llmexam.exam.letters import letter_of
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.report.content import ReportContent, SolverResult
from llmexam.report.evidence import Snippet, snippets
from llmexam.report.formats import clip, fixed, ordinal, percent
from llmexam.report.grading import Grades
from llmexam.report.plots import bar
from llmexam.solvers.protocol import Explanation

_PROMPT, _OPTION, _NOTE, _BRIEF = 3000, 1500, 300, 140


@dataclass(frozen=True, slots=True)
class OptionView:
    """An option at its rank."""

    rank: int
    letter: str
    text: str
    is_answer: bool
    certainty: str
    bar: Markup | None
    note: str


@dataclass(frozen=True, slots=True)
class RankRow:
    """The rank of each option by one solver, in the options' order.

    Options with equal scores share a rank; 0 stands where the solver gave no score.
    """

    solver: str
    ranks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class QuestionView:
    """A question in full.

    `verdict` is "right", "wrong" or "open" (no answer known); `outcome` says it in words.
    """

    row: int
    id: str
    prompt: str
    verdict: str
    outcome: str
    uncertain: bool
    tied: bool
    options: tuple[OptionView, ...]
    letters: tuple[str, ...]
    answer_letter: str
    ranks: tuple[RankRow, ...]
    snippets: tuple[Snippet, ...]
    explainer: str
    n_passages: int


@dataclass(frozen=True, slots=True)
class BriefView:
    """A question in one line, for long exams and for lists of hard questions."""

    row: int
    id: str
    prompt: str
    verdict: str
    outcome: str
    uncertain: bool
    ranked: str
    answer_letter: str
    detail: str
    in_full: bool


@dataclass(frozen=True)
class _Explainer:
    name: str
    by_id: Mapping[str, Explanation]


class QuestionViews:
    """Creates the views of the questions of one report.

    Args:
        content: The report's content.
        grades: The final result, question by question.
        k: How many ranked letters a one-line view shows.
    """

    def __init__(self, content: ReportContent, grades: Grades, k: int) -> None:
        self._exam: Exam = content.exam
        self._grades = grades
        self._k = k
        self._explainers = _explainers(content)
        others = [s for s in content.solvers if s.name != content.final.name]
        # With one solver its ranks are the order of the options: a table would say it twice.
        shown = [content.final, *others] if others else []
        self._scores = [(s.name, align_scores(self._exam, s.scores)) for s in shown]

    def full(self, row: int) -> QuestionView:
        """Return everything about the question at a row, counted from 0."""
        question = self._exam[row]
        explainer, explanation = self._explanation(question)
        verdict, outcome = self._verdict(row)
        return QuestionView(
            row=row + 1,
            id=clip(question.id, _BRIEF),
            prompt=clip(question.prompt, _PROMPT),
            verdict=verdict,
            outcome=outcome,
            uncertain=bool(self._grades.uncertain[row]),
            tied=bool(self._grades.tied[row]),
            options=self._options(row, question, explanation),
            letters=tuple(letter_of(i) for i in range(len(question.options))),
            answer_letter=question.right_letters,
            ranks=tuple(
                RankRow(name, _ranks(scores, row, len(question.options)))
                for name, scores in self._scores
            ),
            snippets=snippets(question, explanation) if explanation else (),
            explainer=explainer,
            n_passages=len(question.passages),
        )

    def brief(self, row: int, *, in_full: bool) -> BriefView:
        """Return the question at a row, counted from 0, in one line."""
        question = self._exam[row]
        verdict, outcome = self._verdict(row)
        chosen = self._order(row)[: self._k]
        return BriefView(
            row=row + 1,
            id=clip(question.id, 40),
            prompt=clip(question.prompt, _BRIEF),
            verdict=verdict,
            outcome=outcome,
            uncertain=bool(self._grades.uncertain[row]),
            ranked=" ".join(letter_of(i) for i in chosen),
            answer_letter=question.right_letters,
            detail=self._detail(row, question),
            in_full=in_full,
        )

    def _verdict(self, row: int) -> tuple[str, str]:
        rank = int(self._grades.answer_rank[row])
        tied = "All options tied" if self._grades.tied[row] else ""
        if rank == 0:
            return "open", f"{tied}, answer unknown" if tied else "Answer unknown"
        if rank == 1:
            return "right", f"{tied}, counted as right" if tied else "Right"
        if not tied and self._grades.tied_first[row]:
            tied = "Right option tied for 1st"
        counted = f"counted as {ordinal(rank)}"
        return "wrong", f"{tied}, {counted}" if tied else f"Right option came {ordinal(rank)}"

    def _order(self, row: int) -> list[int]:
        return [int(i) for i in self._grades.ranking[row] if i >= 0]

    def _certainty(self, row: int, option: int) -> str:
        shares = self._grades.probabilities
        return "" if shares is None else percent(float(shares[row, option]))

    def _detail(self, row: int, question: Question) -> str:
        order = self._order(row)
        if not order:
            return "not scored"
        shares = self._grades.probabilities
        if self._grades.tied[row]:
            known = "" if question.answer is None else f", right is {question.right_letters}"
            return f"all options have the same score{known}"
        parts = [f"chose {letter_of(order[0])}"]
        if shares is not None:
            parts[0] += f" at {self._certainty(row, order[0])}"
        if question.answer is not None and order[0] not in question.right_options:
            parts.append(f"right is {question.right_letters}")
            if shares is not None:
                best = next(i for i in order if i in question.right_options)
                parts[1] += f" at {self._certainty(row, best)}"
            else:
                parts[1] += f", {fixed(-float(self._grades.answer_margin[row]))} lower"
        return ", ".join(parts)

    def _options(
        self, row: int, question: Question, explanation: Explanation | None
    ) -> tuple[OptionView, ...]:
        order = self._order(row) or list(range(len(question.options)))
        reasons = explanation.options if explanation else ()
        shares = self._grades.probabilities
        return tuple(
            OptionView(
                rank=rank,
                letter=letter_of(i),
                text=clip(question.options[i], _OPTION),
                is_answer=i in question.right_options,
                certainty=self._certainty(row, i),
                bar=None
                if shares is None
                else bar(float(shares[row, i]), f"Probability {self._certainty(row, i)}"),
                note=clip(reasons[i].note, _NOTE) if i < len(reasons) else "",
            )
            for rank, i in enumerate(order, 1)
            if i < len(question.options)
        )

    def _explanation(self, question: Question) -> tuple[str, Explanation | None]:
        """The explanation to show: the first with evidence, else the first there is."""
        found = [(e.name, e.by_id[question.id]) for e in self._explainers if question.id in e.by_id]
        with_evidence = [
            pair for pair in found if any(reason.supports for reason in pair[1].options)
        ]
        return next(iter(with_evidence or found), ("", None))


def _explainers(content: ReportContent) -> list[_Explainer]:
    """Who can explain: the final result first, then members, the heaviest first."""

    def heaviest_first(result: SolverResult) -> float:
        return -(result.weight if result.weight is not None else 0.0)

    results = [content.final, *sorted(content.solvers, key=heaviest_first)]
    return [
        _Explainer(result.name, {e.question_id: e for e in result.explanations})
        for result in results
        if result.explanations
    ]


def _ranks(scores: ScoreMatrix, row: int, n_options: int) -> tuple[int, ...]:
    """Return the rank of each option from 1; equal scores share one, 0 where there is none."""
    values = scores.values[row][scores.present[row]]
    return tuple(
        int((values > value).sum()) + 1 if present else 0
        for value, present in zip(
            scores.values[row, :n_options], scores.present[row, :n_options], strict=True
        )
    )
