"""Checks of how options are written: marks that tell right options from wrong ones.

For each mark, such as a leading space, always choosing an option with it (or one without it) is
graded like a solver. Where several options have the mark, each is chosen with equal probability;
where none has it, all are. A mark is reported if it beats a random choice clearly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

from llmexam.errors import plural
from llmexam.exam.audit.finding import Finding, Rows
from llmexam.exam.letters import letter_of
from llmexam.exam.normalise import normalise
from llmexam.exam.question import Question

_Z_CLEAR = 4.0
_MIN_QUESTIONS = 5
# Accuracy above chance from which a mark is worth a warning; less if it never misleads.
_MIN_EXCESS, _MIN_EXCESS_OF_SURE = 0.03, 0.01
_LEVEL_Z = 1.959964
_LABEL = re.compile(r"\s*[(\[]?\s*([A-Za-z])\s*[)\].:]")
_END = re.compile(r"[.!?;:,\u3002\uff01\uff1f\u0964]\s*$")

Choice = tuple[int, ...]
"""The options of a question that a rule chooses from."""


@dataclass(frozen=True)
class Mark:
    """A mark of single options.

    Attributes:
        verb: What an option with it does, such as "opens with a space"; the plural follows.
        verbs: The same of several options.
        has: Whether an option has it.
    """

    verb: str
    verbs: str
    has: Callable[[str], bool]


_MARKS = (
    Mark("opens with a space", "open with a space", lambda text: text != text.lstrip()),
    Mark("ends with a space", "end with a space", lambda text: text != text.rstrip()),
    Mark(
        "ends with a punctuation mark",
        "end with a punctuation mark",
        lambda text: _END.search(text) is not None,
    ),
    Mark(
        "opens with a capital letter",
        "open with a capital letter",
        lambda text: text.strip()[:1].isupper(),
    ),
    Mark(
        "opens with a small letter",
        "open with a small letter",
        lambda text: text.strip()[:1].islower(),
    ),
    Mark(
        "has two spaces in a row",
        "have two spaces in a row",
        lambda text: "  " in text.strip(),
    ),
    Mark(
        "opens with a label such as 'A)'",
        "open with a label such as 'A)'",
        lambda text: _LABEL.match(text) is not None,
    ),
)


@dataclass(frozen=True)
class Rule:
    """A rule that compares the options of a question.

    Attributes:
        name: What it chooses, such as "the option with the fewest characters".
        measure: Returns the value of each option; the largest is chosen.
    """

    name: str
    measure: Callable[[Question], Sequence[float]]

    def choose(self, question: Question) -> Choice:
        """Return the options of the largest value."""
        return _best(self.measure(question))


_RULES = (
    Rule(
        "the option with the fewest characters",
        lambda question: [-len(option.strip()) for option in question.options],
    ),
    Rule(
        "the option with the most words",
        lambda question: [len(option.split()) for option in question.options],
    ),
    Rule(
        "the option with the fewest words",
        lambda question: [-len(option.split()) for option in question.options],
    ),
    Rule(
        "the option that shares the most pairs of words with the question",
        lambda question: _shared_pairs(question),
    ),
)


@dataclass(frozen=True)
class Score:
    """What always following a rule scores.

    Attributes:
        accuracy: Expected share of right choices.
        low: Lower end of its 95 % interval (Wilson, 1927).
        high: Upper end.
        chance: Expected share of right random choices.
        z: Standard errors above chance, among the questions where the rule decides anything.
        rows: The rows of those questions.
    """

    accuracy: float
    low: float
    high: float
    chance: float
    z: float
    rows: tuple[int, ...]

    def is_clear(self, *, is_sure: bool = False) -> bool:
        """Return whether the rule is clearly better than a random choice.

        Args:
            is_sure: Whether it is never wrong where it decides.
        """
        least = _MIN_EXCESS_OF_SURE if is_sure else _MIN_EXCESS
        return (
            self.z >= _Z_CLEAR
            and len(self.rows) >= _MIN_QUESTIONS
            and self.accuracy - self.chance >= least
        )

    def __str__(self) -> str:
        return (
            f"accuracy {self.accuracy:.3f} (95 % interval {self.low:.3f} to {self.high:.3f}; "
            f"chance {self.chance:.3f})"
        )


def check_writing(rows: Rows, *, longest_is_known: bool = False) -> Iterator[Finding]:
    """Yield findings of marks and lengths that tell right options from wrong ones.

    Args:
        rows: The questions.
        longest_is_known: Whether another check reports that right options are longer.
    """
    yield from _own_labels(rows)
    answered = [(row, question) for row, question in rows if question.answer is not None]
    if not answered:
        return
    for mark in _MARKS:
        yield from _of_mark(answered, mark)
    for rule in _RULES:
        if longest_is_known and "most words" in rule.name:
            continue
        score = score_rule(answered, rule.choose)
        if score.is_clear():
            yield Finding(
                "telling options",
                "warning",
                f"choosing {rule.name} scores {score}: use it as a baseline",
                score.rows,
            )


def score_rule(rows: Rows, choose: Callable[[Question], Choice]) -> Score:
    """Return what always choosing as a rule says scores.

    Args:
        rows: The questions, with answers; at least one.
        choose: Returns the options to choose from, one or more.
    """
    total = chance = excess = variance = 0.0
    deciding = []
    for row, question in rows:
        n, n_right = len(question.options), len(question.right_options)
        chosen = choose(question)
        expected = n_right / n
        points = len({*chosen} & {*question.right_options}) / len(chosen)
        total, chance = total + points, chance + expected
        if len(chosen) < n:
            deciding.append(row)
            excess += points - expected
            # Of options drawn without replacement (hypergeometric), the share of right ones.
            spread = expected * (1 - expected) * (n - len(chosen)) / (n - 1)
            variance += spread / len(chosen)
    n_rows = len(rows)
    low, high = _wilson(total / n_rows, n_rows)
    z = excess / sqrt(variance) if variance > 0 else 0.0
    return Score(total / n_rows, low, high, chance / n_rows, z, tuple(deciding))


def _of_mark(rows: Rows, mark: Mark) -> Iterator[Finding]:
    """Yield the finding of a mark: of options with it, or of those without it."""
    n_right = n_wrong = all_right = all_wrong = 0
    for _, question in rows:
        for place, option in enumerate(question.options):
            is_right = place in question.right_options
            has = mark.has(option)
            n_right, n_wrong = n_right + (has and is_right), n_wrong + (has and not is_right)
            all_right, all_wrong = all_right + is_right, all_wrong + (not is_right)
    with_it = score_rule(rows, lambda question: _marked(question, mark.has, True))
    without = score_rule(rows, lambda question: _marked(question, mark.has, False))
    score, word = (with_it, "with") if with_it.z >= without.z else (without, "without")
    if not score.is_clear(is_sure=not (n_right and n_wrong)):
        return
    if n_right and not n_wrong:
        found = f"{plural(n_right, 'right option')}, and no wrong one, {_verb(mark, n_right)}"
        effect = f"it gives the answer away. Always choosing such an option scores {score}"
    elif n_wrong and not n_right:
        found = f"{plural(n_wrong, 'wrong option')}, and no right one, {_verb(mark, n_wrong)}"
        effect = f"it rules them out. Never choosing such an option scores {score}"
    else:
        found = (
            f"{n_right:,} of {plural(all_right, 'right option')} and {n_wrong:,} of "
            f"{plural(all_wrong, 'wrong option')} {mark.verbs}"
        )
        effect = f"always choosing an option {word} it scores {score}"
    yield Finding("telling options", "warning", f"{found}: {effect}", score.rows)


def _own_labels(rows: Rows) -> Iterator[Finding]:
    labelled = [row for row, question in rows if has_own_labels(question)]
    if labelled:
        first = next(question for row, question in rows if row == labelled[0])
        yield Finding(
            "labelled options",
            "warning",
            f"{plural(len(labelled), 'question')} whose options all open with their own letter, "
            f"such as '{first.options[0].strip()[:20]}': models see two letters, and shuffled or "
            "rotated options the wrong one. Remove the labels",
            tuple(labelled),
        )


def has_own_labels(question: Question) -> bool:
    """Return whether all options of a question open with their own letter, in order."""
    found = [_LABEL.match(option) for option in question.options]
    return all(
        match is not None and match[1].upper() == letter_of(place)
        for place, match in enumerate(found)
    )


def _verb(mark: Mark, n: int) -> str:
    return mark.verb if n == 1 else mark.verbs


def _marked(question: Question, has: Callable[[str], bool], wanted: bool) -> Choice:
    found = tuple(i for i, option in enumerate(question.options) if has(option) == wanted)
    return found or tuple(range(len(question.options)))


def _best(values: Sequence[float]) -> Choice:
    highest = max(values)
    return tuple(i for i, value in enumerate(values) if value == highest)


def _shared_pairs(question: Question) -> list[float]:
    asked = _pairs(question.prompt)
    return [float(len(asked & _pairs(option))) for option in question.options]


def _pairs(text: str) -> set[tuple[str, str]]:
    words = normalise(text).split()
    return set(pairwise(words))


def _wilson(share: float, n: int) -> tuple[float, float]:
    z2 = _LEVEL_Z**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _LEVEL_Z * sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)
