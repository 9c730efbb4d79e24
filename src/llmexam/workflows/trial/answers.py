"""Results of trying one question or one rewritten text, as shown on the page and sent as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from llmexam.exam.letters import letter_of
from llmexam.exam.question import Question
from llmexam.recovery.recoverer import Recovery
from llmexam.report.evidence import marked
from llmexam.solvers.protocol import Explanation, Support

_MOST_CANDIDATES = 8


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Piece(_Result):
    """A piece of a passage.

    Attributes:
        text: The piece.
        kind: "around" for other text, "sentence" for a sentence that supports an option, "term"
            for a word of an option inside it.
        letters: The options that the sentence supports.
    """

    text: str
    kind: str
    letters: str = ""


class EvidencePassage(_Result):
    """A passage that was retrieved or given.

    Attributes:
        title: Title of its document, or empty.
        id: Its id in the corpus, or empty.
        score: Retrieval score, higher is better; None if it was given.
        pieces: Its text in pieces.
    """

    title: str
    id: str
    score: float | None
    pieces: tuple[Piece, ...]


class OptionAnswer(_Result):
    """An option and what the solver says about it.

    Attributes:
        letter: Its letter.
        text: Its text.
        rank: 1 for the best.
        score: Score of the solver; comparable only within this question.
        probability: Softmax of the scores, from 0 to 1; see `SolveAnswer.calibrated`.
        reasons: Reason for the score by solver.
    """

    letter: str
    text: str
    rank: int
    score: float
    probability: float
    reasons: dict[str, str]


class MemberAnswer(_Result):
    """Ranking by one solver of several.

    Attributes:
        name: Name of the solver in the plan.
        ranking: Letters, best first.
        weight: Its weight in the ensemble.
    """

    name: str
    ranking: str
    weight: float


class SolveAnswer(_Result):
    """Answer to one question.

    Attributes:
        solver: Who answered.
        prompt: The question text.
        ranking: Letters, best first.
        options: The options in the order of the question.
        answer: Letter of the right option, if it was given; else empty.
        passages: The evidence, best first.
        members: Rankings of the solvers of a plan that combines several.
        calibrated: Whether probabilities use a temperature that was fitted in a run.
        truncated: Whether the evidence was cut to fit the model.
        notes: What a person should know, such as evidence unlike that of the training.
        seconds: Time by step: all, wait (in the queue), load, search, score, explain.
        n_together: Questions that were answered in the same call.
    """

    solver: str
    prompt: str
    ranking: str
    options: tuple[OptionAnswer, ...]
    answer: str = ""
    passages: tuple[EvidencePassage, ...] = ()
    members: tuple[MemberAnswer, ...] = ()
    calibrated: bool = False
    truncated: bool = False
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = {}
    n_together: int = 1


class CandidateAnswer(_Result):
    """A prompt that was considered.

    Attributes:
        text: The prompt.
        score: By the recoverer's own measure, higher is better.
    """

    text: str
    score: float


class RecoverAnswer(_Result):
    """Recovered prompt of one pair of texts.

    Attributes:
        recoverer: Who recovered it.
        prompt: The prompt.
        confidence: Expected sharpened cosine by the recoverer's own estimate; None without one.
        candidates: The best candidates, best first.
        members: Prompts of the recoverers of a plan with several, by name.
        notes: What a person should know.
        seconds: Time by step: all, wait (in the queue), fit, recover.
        n_together: Pairs that were answered in the same call.
    """

    recoverer: str
    prompt: str
    confidence: float | None = None
    candidates: tuple[CandidateAnswer, ...] = ()
    members: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = {}
    n_together: int = 1


def option_answers(
    question: Question,
    ranking: Sequence[int],
    scores: Sequence[float],
    probabilities: Sequence[float],
    explanations: Mapping[str, Explanation],
) -> tuple[OptionAnswer, ...]:
    """Return the options with ranks, scores and reasons.

    Args:
        question: The question.
        ranking: Indices of the options, best first.
        scores: Score of each option.
        probabilities: Likewise.
        explanations: Explanation of each solver, by its name.
    """
    rank = {option: place for place, option in enumerate(ranking, 1)}
    return tuple(
        OptionAnswer(
            letter=letter_of(i),
            text=text,
            rank=rank[i],
            score=float(scores[i]),
            probability=float(probabilities[i]),
            reasons={
                name: found.options[i].note
                for name, found in explanations.items()
                if i < len(found.options) and found.options[i].note
            },
        )
        for i, text in enumerate(question.options)
    )


def evidence_of(
    question: Question, explanations: Sequence[Explanation]
) -> tuple[EvidencePassage, ...]:
    """Return the passages of a question, with the sentences marked that support an option."""
    supports: dict[int, list[tuple[int, Support]]] = {}
    for found in explanations:
        for option, reason in enumerate(found.options[: len(question.options)]):
            for support in reason.supports:
                supports.setdefault(support.passage, []).append((option, support))
    return tuple(
        EvidencePassage(
            title=passage.title,
            id=passage.id,
            score=passage.score,
            pieces=_pieces(passage.text, supports.get(place, [])),
        )
        for place, passage in enumerate(question.passages)
    )


def _pieces(text: str, supports: Sequence[tuple[int, Support]]) -> tuple[Piece, ...]:
    spans: dict[tuple[int, int], list[tuple[int, Support]]] = {}
    for option, support in supports:
        if 0 <= support.start < support.end <= len(text):
            spans.setdefault((support.start, support.end), []).append((option, support))
    pieces: list[Piece] = []
    done = 0
    for (start, end), found in sorted(spans.items()):
        if start < done:
            # Solvers split sentences differently; the first span stays whole.
            continue
        letters = "".join(sorted({letter_of(option) for option, _ in found}))
        terms = {term for _, support in found for term in support.terms}
        pieces.append(Piece(text=text[done:start], kind="around"))
        pieces += [
            Piece(text=one.text, kind=one.kind, letters=letters)
            for one in marked(text[start:end], terms)
        ]
        done = end
    pieces.append(Piece(text=text[done:], kind="around"))
    return tuple(piece for piece in pieces if piece.text)


def recover_answer(
    name: str, found: Recovery, *, members: Mapping[str, str] | None = None, **values: object
) -> RecoverAnswer:
    """Return the answer of a recoverer.

    Args:
        name: Name of the recoverer.
        found: What it recovered.
        members: Prompts of several recoverers by name.
        values: Further fields of the answer.
    """
    return RecoverAnswer.model_validate(
        {
            "recoverer": name,
            "prompt": found.text,
            "confidence": None if math.isnan(found.confidence) else float(found.confidence),
            "candidates": tuple(
                CandidateAnswer(text=one.text, score=float(one.score))
                for one in found.candidates[:_MOST_CANDIDATES]
            ),
            "members": dict(members or {}),
            **values,
        }
    )
