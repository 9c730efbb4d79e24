"""Interface of what rewrites texts: an endpoint, or a local language model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import Field, field_validator

from llmexam.generation.writer import Progress, TextRequest, TextWriter, WrittenText
from llmexam.recovery.making.pairs import Pair
from llmexam.settings.base import Settings

SYSTEM = (
    "You rewrite texts. Follow the instruction and answer with the rewritten text alone, without "
    "an introduction or a comment."
)
_FIELD = re.compile(r"\{(prompt|text)\}")
_PLAIN_LABEL = "Rewritten text:"


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

    def make(self, pairs: Sequence[Pair], progress: Progress) -> list[WrittenText]:
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


class WriterMaker:
    """Rewrites texts with a language model that writes texts.

    Args:
        settings: Wording and longest text.
        writer: The language model.
    """

    def __init__(self, settings: MakingSettings, writer: TextWriter) -> None:
        self.name = writer.name
        self.max_characters = settings.max_characters
        self.writer = writer
        self._settings = settings

    def make(self, pairs: Sequence[Pair], progress: Progress) -> list[WrittenText]:
        """Return an answer for each pair: see `Maker`.

        Raises:
            EndpointError: The endpoint failed, the budget is used up, or the environment variable
                of the key is not set.
            ModelError: The model cannot be loaded, or a text is too long for it.
            CacheError: The cache cannot be written to.
        """
        return self.writer.write([self.request(pair) for pair in pairs], progress)

    def forecast(self, pairs: Sequence[Pair]) -> Forecast:
        """Return what rewriting takes at most, without asking."""
        found = self.writer.forecast([self.request(pair) for pair in pairs])
        return Forecast(
            n_pairs=found.n_requests,
            n_cached=found.n_cached,
            prompt_tokens=found.prompt_tokens,
            completion_tokens=found.max_completion_tokens,
            cost=found.max_cost,
        )

    def used(self) -> str:
        """Return what was used so far beside time, as text."""
        return self.writer.used()

    def request(self, pair: Pair) -> TextRequest:
        """Return what the model is asked for a pair."""
        return TextRequest(
            subject=f"row {pair.number}",
            user=self._settings.message(pair),
            system=self._settings.system,
            cue=_PLAIN_LABEL,
        )
