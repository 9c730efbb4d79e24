"""Which text is rewritten under which prompt, drawn with a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llmexam.errors import ExamError


@dataclass(frozen=True, slots=True)
class Pair:
    """A text and the prompt that it is rewritten under.

    Attributes:
        number: Place in the order of drawing, from 1; the id of the row that is made.
        text: The text.
        prompt: The prompt.
    """

    number: int
    text: str
    prompt: str


def draw_pairs(
    texts: Sequence[str], prompts: Sequence[str], n: int, *, seed: int = 0
) -> list[Pair]:
    """Return distinct pairs, balanced over texts and over prompts.

    Texts and prompts are dealt in rounds, each in a new random order: all are used once before one
    is used again, unless only a repeated pair would be left. Fewer pairs are the first ones of
    more, so a larger data set continues a smaller one.

    Args:
        texts: Distinct texts.
        prompts: Distinct prompts.
        n: Number of pairs.
        seed: Random seed.

    Raises:
        ExamError: There are fewer different pairs than that, or none is asked for.

    >>> [pair.prompt for pair in draw_pairs(["a", "b"], ["x", "y"], 4)].count("x")
    2
    """
    n_all = len(texts) * len(prompts)
    if not 1 <= n <= n_all:
        raise ExamError(
            f"expected 1 to {n_all} rows from {len(texts)} texts and {len(prompts)} prompts, got "
            f"{n}",
            field="n_rows",
            hint="Ask for fewer rows, or give more texts or prompts",
        )
    random = np.random.default_rng(seed)
    of_text: list[int] = []
    # The prompts that are next, the first one last, and those that each text has had.
    of_prompt: list[int] = []
    had: list[set[int]] = [set() for _ in texts]
    pairs = []
    for number in range(1, n + 1):
        if not of_text:
            of_text = random.permutation(len(texts)).tolist()
        text = of_text.pop()
        place = _next_place(of_prompt, had[text])
        while place is None:
            of_prompt = random.permutation(len(prompts)).tolist() + of_prompt
            place = _next_place(of_prompt, had[text])
        prompt = of_prompt.pop(place)
        had[text].add(prompt)
        pairs.append(Pair(number, texts[text], prompts[prompt]))
    return pairs


def _next_place(waiting: Sequence[int], had: set[int]) -> int | None:
    """Return where the next prompt stands that a text has not had; the next one is the last."""
    return next((i for i in reversed(range(len(waiting))) if waiting[i] not in had), None)
