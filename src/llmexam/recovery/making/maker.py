"""Interface of what rewrites texts: an endpoint, or a local language model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import Field, field_validator

from llmexam.recovery.making.pairs import Pair
from llmexam.settings.base import Settings

SYSTEM = (
    "You rewrite texts. Follow the instruction and answer with the rewritten text alone, without "
    "an introduction or a comment."
)
_FIELD = re.compile(r"\{(prompt|text)\}")

Progress = Callable[[int, int], None]


class MakingSettings(Settings):
    """How a language model is asked to rewrite a text."""

    system: str = Field(SYSTEM, description="system message; '' for none")
    template: str = Field(
        "{prompt}\n\n{text}", description="message of the user, with {prompt} and {text}"
    )
    max_characters: int = Field(
        8_000, ge=1, description="longest text; longer ones are left out and counted"
    )

    @field_validator("template")
    @classmethod
    def _has_fields(cls, value: str) -> str:
        if set(_FIELD.findall(value)) != {"prompt", "text"}:
            raise ValueError("expected a template with {prompt} and {text}")
        return value

    def message(self, pair: Pair) -> str:
        """Return the message that asks for a rewritten text.

        Args:
            pair: The text and the prompt; braces in them are left as they are.
        """
        values = {"prompt": pair.prompt, "text": pair.text}
        return _FIELD.sub(lambda match: values[match[1]], self.template)


@dataclass(frozen=True, slots=True)
class Made:
    """A model's answer.

    Attributes:
        text: The answer; empty without any.
        is_cut: Whether the limit of new tokens ended it.
        is_refused: Whether the endpoint rejected the request.
        prompt_tokens: Tokens that were read; estimated where the endpoint does not count them.
        completion_tokens: Tokens that were written; the limit where they are not counted.
        cost: Price of these tokens.
    """

    text: str
    is_cut: bool = False
    is_refused: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What rewriting takes at most, from the lengths of the texts.

    Attributes:
        n_pairs: Texts to rewrite.
        n_cached: Answers of them that are there already.
        prompt_tokens: Tokens that are read for the others, estimated.
        completion_tokens: Tokens that may be written.
        cost: Price of these tokens.
    """

    n_pairs: int
    n_cached: int
    prompt_tokens: int
    completion_tokens: int
    cost: float = 0.0

    def __str__(self) -> str:
        """Return the forecast as one line."""
        cost = f", cost up to {self.cost:.4g}" if self.cost else ""
        return (
            f"{self.n_pairs:,} texts to rewrite, {self.n_cached:,} answers cached; about "
            f"{self.prompt_tokens:,} prompt tokens and up to {self.completion_tokens:,} completion "
            f"tokens{cost}"
        )


class Maker(Protocol):
    """Rewrites texts. Answers are cached as they come, so that an interrupted run resumes.

    Attributes:
        name: Name of the model, for the column `source`.
        max_characters: Longest text.
    """

    name: str
    max_characters: int

    def make(self, pairs: Sequence[Pair], progress: Progress) -> list[Made]:
        """Return an answer for each pair, in order.

        Raises:
            EndpointError: The endpoint failed; answers that came before are cached.
            ModelError: The model cannot be loaded, or a text is too long for it.
        """
        ...

    def forecast(self, pairs: Sequence[Pair]) -> Forecast:
        """Return what rewriting takes at most, without asking."""
        ...

    def used(self) -> str:
        """Return what was used so far beside time, as text."""
        ...
