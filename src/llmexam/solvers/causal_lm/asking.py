"""Prompt modes of solver `causal-lm`: prompts for a question, and scores from their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, Literal, Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.letters import letter_of
from llmexam.exam.question import Question
from llmexam.solvers.prompts.template import Mode, PromptTemplate

# Content-free text of contextual calibration (Zhao et al. 2021, arXiv 2102.09690).
CONTENT_FREE = "N/A"

Norm = Literal["sum", "token", "byte", "pmi"]


@dataclass(frozen=True, slots=True)
class Ask:
    """A rendered prompt's variables, and the continuations to score.

    Attributes:
        names: Variables of the template's `question`, beside the context.
        answers: Continuations to score; empty if a binary head judges the prompt itself.
    """

    names: Mapping[str, Any]
    answers: tuple[str, ...]


# For each ask, log-probability and number of tokens of each answer, shape `[n_answers, 2]`; without
# answers the logit of the binary head, and 1.
Heard = Sequence[NDArray[np.float64]]


class Asking(Protocol):
    """Interface of a prompt mode."""

    def asks(self, question: Question) -> list[Ask]:
        """Return the prompts for a question."""
        ...

    def content_free(self, question: Question) -> list[Ask]:
        """Return content-free prompts, for contextual calibration."""
        ...

    def example(self, question: Question) -> tuple[Ask, str]:
        """Return the prompt of a few-shot example and the answer that follows it."""
        ...

    def scores(self, question: Question, heard: Heard, free: Heard) -> NDArray[np.float64]:
        """Return a score per option from the results, and from the content-free ones."""
        ...


@dataclass(frozen=True, slots=True)
class Letters:
    """Scores the letter that follows a list of the options, averaged over rotations of the list.

    The score is the log-probability of a letter, normalised over the letters and averaged over
    rotations, which reduces position bias (arXiv 2309.03882).
    """

    template: PromptTemplate
    n_rotations: int
    calibrate: bool

    def asks(self, question: Question) -> list[Ask]:
        """Return one prompt per rotation."""
        return [
            self._ask(question.prompt, [question.options[i] for i in order])
            for order in self._orders(len(question.options))
        ]

    def content_free(self, question: Question) -> list[Ask]:
        """Return one prompt with the same number of options, all content-free."""
        if not self.calibrate:
            return []
        return [self._ask(CONTENT_FREE, [CONTENT_FREE] * len(question.options))]

    def example(self, question: Question) -> tuple[Ask, str]:
        """Return a prompt with the options in order, and the letter of the right one."""
        ask = self._ask(question.prompt, question.options)
        return ask, ask.answers[_answer(question)]

    def scores(self, question: Question, heard: Heard, free: Heard) -> NDArray[np.float64]:
        """Return the mean normalised log-probability of each option's letter."""
        sums = np.zeros(len(question.options))
        orders = self._orders(len(question.options))
        for order, one in zip(orders, heard, strict=True):
            logs = one[:, 0] - (free[0][:, 0] if free else 0.0)
            sums[order] += logs - np.logaddexp.reduce(logs)
        return sums / len(orders)

    def _orders(self, n_options: int) -> list[NDArray[np.int64]]:
        n = min(self.n_rotations, n_options)
        # Rotations are spread evenly, so that a few of them move options far.
        return [np.roll(np.arange(n_options), -(i * n_options // n)) for i in range(n)]

    def _ask(self, prompt: str, options: Sequence[str]) -> Ask:
        listed = [{"letter": letter_of(i), "text": text} for i, text in enumerate(options)]
        answers = tuple(self.template.render_answer(letter=one["letter"]) for one in listed)
        return Ask({"prompt": prompt, "options": listed}, answers)


@dataclass(frozen=True, slots=True)
class Options:
    """Scores the text of each option after the question."""

    template: PromptTemplate
    norm: Norm

    def asks(self, question: Question) -> list[Ask]:
        """Return one prompt, with all options as answers."""
        return [self._ask(question.prompt, question.options)]

    def content_free(self, question: Question) -> list[Ask]:
        """Return a content-free prompt, with all options as answers."""
        return [self._ask(CONTENT_FREE, question.options)] if self.norm == "pmi" else []

    def example(self, question: Question) -> tuple[Ask, str]:
        """Return the prompt and the text of the right option."""
        ask = self._ask(question.prompt, question.options)
        return ask, ask.answers[_answer(question)]

    def scores(self, question: Question, heard: Heard, free: Heard) -> NDArray[np.float64]:
        """Return log-probabilities, normalised by tokens, bytes or the content-free prompt."""
        logs: NDArray[np.float64] = heard[0][:, 0]
        if self.norm == "token":
            logs = logs / heard[0][:, 1]
        elif self.norm == "byte":
            # The space before an option counts, so a blank option has one byte.
            logs = logs / np.array(
                [max(1, len(text.strip().encode())) for text in question.options]
            )
        elif self.norm == "pmi":
            logs = logs - free[0][:, 0]
        return logs

    def _ask(self, prompt: str, options: Sequence[str]) -> Ask:
        listed = [{"letter": letter_of(i), "text": text} for i, text in enumerate(options)]
        answers = tuple(self.template.render_answer(option=text) for text in options)
        return Ask({"prompt": prompt, "options": listed}, answers)


def shows_places(asking: Asking) -> bool:
    """Return whether the prompts of a mode reveal the positions of the options."""
    if isinstance(asking, Letters):
        return True
    if not isinstance(asking, Options):
        return False
    # A template may list the options in any mode.
    template = asking.template
    trial = Question("trial", "Which?", ("one", "other"))
    orders = (trial, trial.with_option_order([1, 0]))
    read = [template.render_question(context="", **asking.asks(one)[0].names) for one in orders]
    return read[0] != read[1]


@dataclass(frozen=True, slots=True)
class _EachAlone:
    """Base class of modes with one prompt per option."""

    template: PromptTemplate

    def asks(self, question: Question) -> list[Ask]:
        """Return one prompt per option."""
        return [self._ask(question.prompt, option) for option in question.options]

    def content_free(self, question: Question) -> list[Ask]:
        """Return nothing: the correction would be the same for every option."""
        return []

    def _ask(self, prompt: str, option: str) -> Ask:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class YesNo(_EachAlone):
    """Scores "yes" against "no" for each option."""

    def example(self, question: Question) -> tuple[Ask, str]:
        """Return the right option with "yes" or the next one with "no", about equally often."""
        answer, wrong = _answer(question), _draw(question) % 2
        option = (answer + wrong) % len(question.options)
        ask = self._ask(question.prompt, question.options[option])
        return ask, ask.answers[wrong]

    def scores(self, question: Question, heard: Heard, free: Heard) -> NDArray[np.float64]:
        """Return the log-odds of "yes"."""
        return np.array([one[0, 0] - one[1, 0] for one in heard])

    def _ask(self, prompt: str, option: str) -> Ask:
        verdicts = (self.template.yes, self.template.no)
        answers = tuple(self.template.render_answer(verdict=v, option=option) for v in verdicts)
        return Ask({"prompt": prompt, "option": option}, answers)


@dataclass(frozen=True, slots=True)
class Judged(_EachAlone):
    """Scores each option, after the question, by the model's binary head."""

    def example(self, question: Question) -> tuple[Ask, str]:
        """Return the prompt with the right option; nothing follows it."""
        return self._ask(question.prompt, question.options[_answer(question)]), ""

    def scores(self, question: Question, heard: Heard, free: Heard) -> NDArray[np.float64]:
        """Return the logits."""
        return np.array([one[0, 0] for one in heard])

    def _ask(self, prompt: str, option: str) -> Ask:
        return Ask({"prompt": prompt, "option": option}, ())


@dataclass(frozen=True, slots=True)
class Pairs:
    """Compares all pairs of options in both orders."""

    template: PromptTemplate

    def asks(self, question: Question) -> list[Ask]:
        """Return one prompt per ordered pair."""
        return [
            self._ask(question.prompt, question.options[i], question.options[j])
            for i, j in permutations(range(len(question.options)), 2)
        ]

    def content_free(self, question: Question) -> list[Ask]:
        """Return nothing: averaging both orders cancels position bias."""
        return []

    def example(self, question: Question) -> tuple[Ask, str]:
        """Return the right option and another one, in either order about equally often."""
        answer, place = _answer(question), _draw(question) % 2
        other = (answer + 1) % len(question.options)
        pair = (answer, other) if place == 0 else (other, answer)
        ask = self._ask(question.prompt, *(question.options[i] for i in pair))
        return ask, ask.answers[place]

    def scores(self, question: Question, heard: Heard, free: Heard) -> NDArray[np.float64]:
        """Return the mean log-odds of an option against the others."""
        n_options = len(question.options)
        sums = np.zeros(n_options)
        for (i, j), one in zip(permutations(range(n_options), 2), heard, strict=True):
            odds = one[0, 0] - one[1, 0]
            sums[i] += odds
            sums[j] -= odds
        return sums / (2 * (n_options - 1))

    def _ask(self, prompt: str, first: str, second: str) -> Ask:
        listed = [{"letter": "A", "text": first}, {"letter": "B", "text": second}]
        answers = tuple(self.template.render_answer(letter=letter) for letter in "AB")
        return Ask({"prompt": prompt, "options": listed}, answers)


def asking_of(template: PromptTemplate, *, norm: Norm, n_rotations: int, calibrate: bool) -> Asking:
    """Return the prompt mode of a template."""
    made: dict[Mode, Asking] = {
        "letters": Letters(template, n_rotations, calibrate),
        "options": Options(template, norm),
        "yes-no": YesNo(template),
        "pairs": Pairs(template),
        "binary-head": Judged(template),
    }
    return made[template.mode]


def _answer(question: Question) -> int:
    if question.answer is None:
        raise ValueError(f"question '{question.id}' has no answer")
    return question.answer


def _draw(question: Question) -> int:
    """Return a number derived from the question alone, so that its example is reproducible."""
    return crc32(question.id.encode())
