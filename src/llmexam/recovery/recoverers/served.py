"""Language models behind an OpenAI-compatible endpoint, asked for the prompt of each row."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator

from llmexam.errors import MissingDependencyError
from llmexam.recovery.consensus import agree
from llmexam.recovery.embeddings import EmbedderSettings
from llmexam.recovery.examples import ExampleSettings
from llmexam.recovery.metrics.lift import COMMON
from llmexam.recovery.prompting import (
    INSTRUCTIONS,
    PLAIN_LABEL,
    Example,
    bare_answer,
    one_line,
    question_of,
)
from llmexam.recovery.recoverer import Progress, Recovery, no_progress
from llmexam.recovery.recoverers.asking import Asking, FewShot
from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.recovery.wording import (
    clean_prompt,
    has_preamble,
    is_blank,
    opens_with_refusal,
    without_preamble,
)
from llmexam.settings.base import Settings
from llmexam.settings.kinds import ModelRef
from llmexam.solvers.prompts.wording import Shot, as_messages, as_text
from llmexam.solvers.served.asking import Asker, require_key
from llmexam.solvers.served.cache import AnswerCache
from llmexam.solvers.served.endpoint import EndpointSettings
from llmexam.solvers.served.replies import Reply
from llmexam.solvers.served.requests import Request, endpoint_request
from llmexam.solvers.served.thoughts import without_thoughts
from llmexam.solvers.served.usage import Meter, Usage

_SEPARATOR = "\n\n"


class ServedLmSettings(EndpointSettings, EmbedderSettings):
    """Settings of `served-lm`."""

    model_config = ConfigDict(hide_input_in_errors=True)

    instructions: str = Field(
        INSTRUCTIONS, description="system message, or the start of a text completion"
    )
    max_characters: int = Field(
        4_000, ge=1, description="characters that are sent of each text; the rest is cut off"
    )
    max_tokens: int = Field(64, ge=1, description="longest answer, in tokens")
    n_candidates: int = Field(
        1,
        ge=1,
        le=64,
        description="answers requested for each row; the one most like all of them is chosen",
    )
    embedder: ModelRef = Field(
        "bundled",
        description="embedder that chooses among candidates and finds nearest examples",
    )
    fallback: str = Field(
        COMMON[0],
        min_length=1,
        description="the prompt of rows that the endpoint or the model refuses, or for which the "
        "answer is blank",
    )

    @model_validator(mode="after")
    def _several_differ(self) -> Self:
        if self.n_candidates > 1 and self.temperature == 0:
            raise ValueError(
                "several candidates need a temperature above 0; at 0 they are all equal"
            )
        if not self.fallback.strip():
            raise ValueError("expected a fallback prompt, got a blank one")
        return self


class ServedLm(Asking):
    """Zero-shot prompting of an endpoint; every answer is cached on disk.

    A request that the endpoint rejects, a refusal or a blank answer gives the `fallback`, which
    `used()` counts. Other failures of the endpoint are an error; answers that came before are
    cached.

    Raises:
        MissingDependencyError: The package openai is not installed.
    """

    extra = "openai"
    package = "openai"
    settings_class = ServedLmSettings

    def __init__(self, settings: Settings | None = None, **values: Any) -> None:
        if find_spec("openai") is None:
            raise MissingDependencyError("recoverer 'served-lm'", "openai", "openai")
        super().__init__(settings, **values)
        self._meter = Meter(self.settings)
        cache = AnswerCache(self.settings.cache_dir)
        self._asker = Asker(self.settings, cache, self._meter, skips_refused=True)

    @property
    def model_identity(self) -> str:
        """Name of the model."""
        name: str = self.settings.model
        return name

    def used(self) -> Usage:
        """Return requests, tokens and cost so far; cached answers are counted apart."""
        return self._meter.usage

    def recover(self, items: RewriteExam, progress: Progress = no_progress) -> Sequence[Recovery]:
        """Return one recovery for each row, in order.

        Raises:
            EndpointError: The endpoint failed, the budget is used up, or the environment variable
                of the key is not set.
        """
        if not len(items):
            return []
        require_key(self.settings)
        n = self.settings.n_candidates
        requests = [
            self._request(row, shots, draw)
            for row, shots in zip(items, self.shots(items), strict=True)
            for draw in range(n)
        ]
        replies = self._asker.ask(
            requests, lambda n_done, n_all: progress(len(items) * n_done // n_all, len(items))
        )
        return [
            self._choose(row, replies[place * n : (place + 1) * n])
            for place, row in enumerate(items)
        ]

    def _request(self, row: Rewrite, shots: Sequence[Example], draw: int) -> Request:
        settings = self.settings
        examples = [
            Shot(self._question(one.original, one.rewritten), f" {one_line(one.prompt)}")
            for one in shots
        ]
        asked = self._question(row.original, row.rewritten)
        told: dict[str, Any]
        if settings.endpoint == "chat":
            told = {"messages": as_messages(settings.instructions, examples, asked)}
        else:
            text = as_text(settings.instructions, examples, asked, separator=_SEPARATOR)
            told = {"prompt": text}
        is_cut = max(len(row.original), len(row.rewritten)) > settings.max_characters
        return endpoint_request(
            f"row '{row.id}'",
            settings,
            told,
            n_tokens=settings.max_tokens,
            truncated=is_cut,
            draw=draw,
        )

    def _question(self, original: str, rewritten: str) -> str:
        limit = self.settings.max_characters
        asked = question_of(original[:limit].strip(), rewritten[:limit].strip())
        is_chat = self.settings.endpoint == "chat"
        return asked if is_chat else f"{asked}{_SEPARATOR}{PLAIN_LABEL}"

    def _choose(self, row: Rewrite, replies: Sequence[Reply]) -> Recovery:
        answers = [prompt_in(reply.text, row) for reply in replies if not reply.refusal]
        answers = [answer for answer in answers if answer]
        if not answers:
            self._meter.usage.n_fallback += 1
            return Recovery(self.settings.fallback)
        if len(answers) == 1:
            return Recovery(answers[0])
        return agree(answers, self.settings.vectors)


class ServedFewShotSettings(ServedLmSettings, ExampleSettings):
    """Settings of `served-few-shot-lm`."""

    model_config = ConfigDict(hide_input_in_errors=True)


class ServedFewShotLm(FewShot, ServedLm):
    """Few-shot prompting of an endpoint, with training rows of distinct prompts."""

    settings_class = ServedFewShotSettings


def prompt_in(answer: str, row: Rewrite) -> str:
    """Return the prompt in a model's answer, or an empty text if it refuses or says nothing.

    Reasoning between tags, an opening such as "Sure, here is the prompt:", what follows the first
    paragraph, labels, quotation marks and tokens without meaning are removed.

    Args:
        answer: The answer.
        row: The row; words of its texts are kept even if they look like gibberish.
    """
    text = without_thoughts(answer).strip()
    if opens_with_refusal(text):
        return ""
    if has_preamble(text) and (bare := without_preamble(text)) is not None:
        text = bare
    first = next((part for part in text.split("\n\n") if part.strip()), "")
    found = bare_answer(first)
    cleaned = clean_prompt(found, context=f"{row.original} {row.rewritten}").text.strip()
    return "" if is_blank(cleaned) else cleaned
