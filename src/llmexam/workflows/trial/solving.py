"""Prepared solvers: loaded once, then asked many times."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from llmexam.ensemble.combine import combine
from llmexam.ensemble.settings import EnsembleSettings
from llmexam.errors import LlmExamError
from llmexam.evaluation.calibration import softmax
from llmexam.evidence.queries import QueryForm
from llmexam.evidence.reranker import Reranker
from llmexam.evidence.retriever import Given, Retriever, attach_passages
from llmexam.exam.exam import Exam
from llmexam.exam.letters import letter_of
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.solvers.protocol import Explanation, Solver
from llmexam.solvers.scoring import solve
from llmexam.workflows.trial.answers import (
    MemberAnswer,
    SolveAnswer,
    evidence_of,
    option_answers,
)


@dataclass
class PreparedSolver:
    """One solver, or the solvers of a plan, with the indexes that evidence is searched in.

    Attributes:
        name: What it is called.
        members: The solvers by name.
        final: The solver whose scores are the result; None for the ensemble.
        ensemble: How several are combined; its weights are given, never fitted here.
        retriever: Searches the indexes; None without any.
        reranker: Selects among retrieved passages; None without any.
        query_form: Query formulation.
        k: Passages per question.
        given: What is done with passages of the question.
        temperature: Softmax temperature of the probabilities.
        calibrated: Whether it was fitted in a run.
        notes: What a person should know.
        check: Returns notes on the evidence of a question.
        readers: Names of the solvers that read evidence.
    """

    name: str
    members: Mapping[str, Solver]
    final: str | None = None
    ensemble: EnsembleSettings = field(default_factory=EnsembleSettings)
    retriever: Retriever | None = None
    reranker: Reranker | None = None
    query_form: QueryForm = "prompt+each-option"
    k: int = 4
    given: Given = "keep"
    temperature: float = 1.0
    calibrated: bool = False
    notes: tuple[str, ...] = ()
    check: Callable[[Question], tuple[str, ...]] = lambda question: ()
    readers: frozenset[str] = frozenset()
    _is_loaded: bool = False
    _loading: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, questions: Sequence[Question]) -> list[SolveAnswer]:
        """Return an answer to each question; equal questions are scored once.

        Raises:
            LlmExamError: A solver or an index cannot be used.
        """
        watch = _Watch()
        # Solvers must not see the answer, which a person may have pasted.
        unique = {one.id: replace(one, answer=None, right=()) for one in questions}
        asked = Exam(tuple(unique.values()))
        # Several threads may use a solver without a model; it is loaded once.
        with self._loading:
            if not self._is_loaded:
                with watch.step("load"):
                    for solver in self.members.values():
                        solver.load(asked.questions)
                self._is_loaded = True
        if self.retriever is not None:
            with watch.step("search"):
                asked = attach_passages(
                    asked,
                    self.retriever,
                    query_form=self.query_form,
                    k=self.k,
                    given=self.given,
                    reranker=self.reranker,
                )
        elif self.given == "drop":
            asked = asked.without_passages()
        with watch.step("score"):
            matrices = {
                name: solve(asked, solver, workers=1) for name, solver in self.members.items()
            }
            scores, weights = self._combined(matrices)
        with watch.step("explain"):
            explanations = {
                name: solver.explain(asked.questions) for name, solver in self.members.items()
            }
        found = {
            one.id: self._answer(one, row, scores, weights, matrices, explanations, watch.seconds)
            for row, one in enumerate(asked)
        }
        return [
            found[one.id].model_copy(
                update={"answer": one.right_letters, "n_together": len(questions)}
            )
            for one in questions
        ]

    def _combined(
        self, matrices: Mapping[str, ScoreMatrix]
    ) -> tuple[ScoreMatrix, Mapping[str, float]]:
        if len(matrices) == 1 or self.final is not None:
            name = self.final or next(iter(matrices))
            return matrices[name], {name: 1.0}
        given = self.ensemble.weights
        weights = given if isinstance(given, dict) else {one: 1 / len(matrices) for one in matrices}
        scores = combine(
            matrices,
            self.ensemble.method,
            weights,
            temperature=self.ensemble.temperature,
            rank_constant=self.ensemble.rank_constant,
        )
        total = sum(weights.values())
        return scores, {name: weight / total for name, weight in weights.items()}

    def _answer(
        self,
        question: Question,
        row: int,
        scores: ScoreMatrix,
        weights: Mapping[str, float],
        matrices: Mapping[str, ScoreMatrix],
        explanations: Mapping[str, Sequence[Explanation]],
        seconds: Mapping[str, float],
    ) -> SolveAnswer:
        own = scores.subset([row])
        n = len(question.options)
        ranking = own.ranking[0][:n].tolist()
        reasons = {name: found[row] for name, found in explanations.items() if weights.get(name)}
        members = tuple(
            MemberAnswer(
                name=name,
                ranking="".join(map(letter_of, matrix.subset([row]).ranking[0][:n].tolist())),
                weight=round(weights.get(name, 0.0), 6),
            )
            for name, matrix in (matrices.items() if len(matrices) > 1 else ())
        )
        return SolveAnswer(
            solver=self.name,
            prompt=question.prompt,
            ranking="".join(map(letter_of, ranking)),
            options=option_answers(
                question,
                ranking,
                own.values[0][:n].tolist(),
                softmax(own, self.temperature)[0][:n].tolist(),
                reasons,
            ),
            passages=evidence_of(question, list(reasons.values())),
            members=members,
            calibrated=self.calibrated,
            truncated=bool(own.truncated[0]),
            notes=(*self.notes, *self.check(question), *self._no_evidence(question)),
            seconds=dict(seconds),
        )

    def _no_evidence(self, question: Question) -> tuple[str, ...]:
        if question.passages or not self.readers:
            return ()
        return ("There is no evidence: choose an index, or give passages.",)


class _Watch:
    """Time of each step, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a step."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def evidence_notes(check: Callable[[Question], None]) -> Callable[[Question], tuple[str, ...]]:
    """Return a function that turns the error of a check into a note.

    A person who tries one question may want to see what other evidence does, so that a trained
    solver is asked all the same.
    """

    def notes(question: Question) -> tuple[str, ...]:
        try:
            check(question)
        except LlmExamError as error:
            return (f"{error.message}.",)
        return ()

    return notes
