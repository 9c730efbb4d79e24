"""The yield table: how many answers each filter left out, and what the data cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

_ROWS = {
    "asked": "asked",
    "answered": "answered",
    "refused": "refused",
    "blank": "blank",
    "cut": "cut off by the token limit",
    "preamble": "opened with an answer",
    "echoed": "equal to the original or the prompt",
    "duplicate": "equal to an earlier row",
    "kept": "kept",
}


@dataclass(frozen=True, slots=True)
class Yield:
    """What became of the pairs; `asked` is the sum of `kept` and of all that were left out.

    Attributes:
        n_texts: Distinct texts that could be drawn.
        n_prompts: Distinct prompts.
        n_repeated_texts: Texts that were left out because they repeat an earlier one.
        n_long_texts: Texts that were left out because they are too long.
        asked: Pairs that the model was asked to rewrite.
        answered: Answers with a text.
        refused: Answers that refuse, and requests that the endpoint rejected.
        blank: Answers without a text.
        cut: Answers that the limit of new tokens ended.
        preamble: Answers that open with "Sure, here is" or the like.
        echoed: Answers that are the original or the prompt again.
        duplicate: Answers that an earlier row has.
        kept: Rows that were made.
        stripped: Rows of them whose opening was removed.
        prompt_tokens: Tokens that were read for all answers.
        completion_tokens: Tokens of all answers.
        cost: Price of these tokens.
    """

    n_texts: int
    n_prompts: int
    n_repeated_texts: int
    n_long_texts: int
    asked: int
    answered: int
    refused: int
    blank: int
    cut: int
    preamble: int
    echoed: int
    duplicate: int
    kept: int
    stripped: int
    prompt_tokens: int
    completion_tokens: int
    cost: float

    def as_dict(self) -> Mapping[str, Any]:
        """Return the numbers by name."""
        return asdict(self)

    def __str__(self) -> str:
        """Return the yield table as text: a line for each count."""
        lines = [
            f"{getattr(self, name):8,}  {label}"
            for name, label in _ROWS.items()
            if getattr(self, name) or name in ("asked", "answered", "kept")
        ]
        if self.stripped:
            lines[-1] += f", of which {self.stripped:,} without their opening"
        for n, what in (
            (self.n_repeated_texts, "repeat an earlier text"),
            (self.n_long_texts, "are longer than max_characters"),
        ):
            if n:
                lines.append(f"{n:8,}  texts were left out: they {what}")
        return "\n".join(lines)
