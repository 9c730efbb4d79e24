"""Fake solvers, and the contract check of solvers."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np

from llmexam.exam.question import Passage, Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.settings.base import Settings
from llmexam.solvers.protocol import BaseSolver, Explanation, OptionReason, Solver
from llmexam.testing.require import require


class FakeSettings(Settings):
    """Settings of the fakes."""

    seed: int = 0
    skill: float = 1.0


class ConstantSolver(BaseSolver):
    """Scores every option 0."""

    settings_class = FakeSettings
    settings: FakeSettings
    order_invariant = True

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return 0 for every option."""
        return ScoreMatrix.from_rows(
            [q.id for q in questions], [[0.0] * len(q.options) for q in questions]
        )

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return one empty reason per option."""
        return [Explanation(q.id, (OptionReason("a fake"),) * len(q.options)) for q in questions]


class NoisySolver(ConstantSolver):
    """Scores by the answer with adjustable skill.

    The right option gets `skill` on top of noise with standard deviation 1, which depends on
    the seed, the question's id and the option's text alone. A skill of 0 is chance; 10 is an
    oracle.
    """

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return noise, plus `skill` for the right option."""
        rows = []
        for q in questions:
            noise = [
                random.Random(f"{self.settings.seed}\0{q.id}\0{option}").gauss(0, 1)
                for option in q.options
            ]
            if q.answer is not None:
                noise[q.answer] += self.settings.skill
            rows.append(noise)
        return ScoreMatrix.from_rows([q.id for q in questions], rows)


def example_questions() -> list[Question]:
    """Return questions with 2 to 26 options, odd texts, and with and without passages."""
    sky = Passage(
        "Rayleigh scattering sends blue light of 450 nm sideways more than red light of 700 nm. "
        "The sky is blue for that reason. None of this holds on the Moon.",
        title="Sky",
        id="sky",
    )
    salt = Passage("Table salt is sodium chloride. It melts at 801 degrees Celsius.", id="salt")
    return [
        Question("q1", "Why is the sky blue?", ("Rayleigh scattering", "The ozone"), 0, (sky,)),
        Question(
            "q2",
            "Which of these is NOT an element of table salt?",
            ("sodium", "chlorine", "iron", "None of the above", "All of the above"),
            2,
            (salt, sky),
        ),
        Question("q3", "At how many degrees does salt melt?", ("801", "450", "700", "None"), None),
        Question("q4", "", ("", "", "same", "same"), 2, (salt,)),
        Question("q5", "Which letter?", tuple(f"letter {i} \U0001f30d" for i in range(26)), 25),
        Question("q6", "Long?", ("blue light " * 400, "red"), 0, (Passage("blue " * 3000),)),
        Question("q7", "Nothing in it?", ("?!", "..."), 1, (Passage(""), Passage(" \n "))),
    ]


def check_solver(
    make: Callable[[], Solver],
    questions: Sequence[Question] | None = None,
    *,
    tolerance: float = 0.0,
    may_see_answers: bool = False,
) -> None:
    """Check that a solver satisfies the contract of `Solver`.

    Args:
        make: Makes a fresh solver; called several times.
        questions: What to score; by default `example_questions()`.
        tolerance: Largest difference between two scores that count as the same. Models whose
            arithmetic depends on the batch need a little.
        may_see_answers: Whether scores may depend on the answers, as for fakes.

    Raises:
        AssertionError: It does not; the text says what was expected.
    """
    asked = list(questions if questions is not None else example_questions())
    before = list(asked)
    solver = make()
    require(
        isinstance(solver, Solver),
        "a solver has `settings`, `score` and the methods of `BaseSolver`, from "
        "which it may inherit",
    )
    whole = solver.score(asked)
    require(asked == before, "score() must not change its questions")
    require(whole.question_ids == tuple(q.id for q in asked), "rows follow the questions")
    counts = whole.n_options.tolist()
    require(counts == [len(q.options) for q in asked], "one score per option is returned")
    same = _Same(whole, tolerance)
    same(solver.score(asked), "scoring twice returns equal scores")
    same(make().score(asked), "a new solver returns equal scores")
    rebuilt = type(solver)(type(solver.settings).model_validate(solver.settings.model_dump()))  # type: ignore[call-arg]
    same(rebuilt.score(asked), "a solver made from the dumped settings returns equal scores")
    backwards = solver.score(asked[::-1])
    same(backwards.subset(range(len(asked))[::-1]), "the order of questions does not matter")
    for index, question in enumerate(asked):
        same.row(index, solver.score([question]), "the other questions do not matter")
    if not may_see_answers:
        blind = [Question(q.id, q.prompt, q.options, None, q.passages) for q in asked]
        same(solver.score(blind), "scores do not depend on the answers")
    if solver.describe().order_invariant:
        _check_order(solver, asked, same)
    require(len(solver.score([])) == 0, "an empty exam gives an empty matrix")
    require(solver.explain([]) == [], "an empty exam has no explanations")
    _check_explanations(solver.explain(asked), asked)


class _Same:
    """Compares score matrices with the first one, up to a tolerance."""

    def __init__(self, expected: ScoreMatrix, tolerance: float) -> None:
        self._rows = expected.rows()
        self._tolerance = tolerance

    def __call__(self, scores: ScoreMatrix, law: str) -> None:
        for index in range(len(self._rows)):
            self.row(index, scores.subset([index]), law)

    def row(self, index: int, scores: ScoreMatrix, law: str) -> None:
        expected, got = self._rows[index], scores.rows()[0]
        near = expected.shape == got.shape and np.allclose(
            expected, got, rtol=0.0, atol=self._tolerance
        )
        require(near, f"{law}: expected {expected} for question {index}, got {got}")


def _check_order(solver: Solver, asked: Sequence[Question], same: _Same) -> None:
    for index, question in enumerate(asked):
        order = list(range(len(question.options)))[::-1]
        turned = solver.score([question.with_option_order(order)]).rows()[0]
        back = ScoreMatrix.from_rows([question.id], [turned[::-1]])
        same.row(index, back, "an order-invariant solver ignores the positions of options")


def _check_explanations(explanations: Sequence[Explanation], asked: Sequence[Question]) -> None:
    require(
        [e.question_id for e in explanations] == [q.id for q in asked],
        "there is one explanation a question, in order",
    )
    for explanation, question in zip(explanations, asked, strict=True):
        require(len(explanation.options) == len(question.options), "there is one reason per option")
        for support in (s for reason in explanation.options for s in reason.supports):
            require(0 <= support.passage < len(question.passages), "supports name a passage")
            text = question.passages[support.passage].text
            require(
                0 <= support.start < support.end <= len(text), "supports lie inside the passage"
            )
            require(support.weight >= 0, "supports weigh 0 or more")
