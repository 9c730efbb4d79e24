"""Interface of language models that write texts: an endpoint, or a local model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from llmexam.generation.turns import Format
from llmexam.solvers.prompts.wording import Shot

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class TextRequest:
    """What a language model is asked for.

    Attributes:
        subject: What it is about, for error texts: `"row 3"`.
        user: Message of the user.
        system: System message, or the instructions at the start of a plain text; '' for none.
        shots: Examples before the message, in order.
        cue: How the answer begins in a plain text, such as `"Question:"`; chats have none.
        stop: Texts that end the answer, in addition to those of the writer.
        max_new_tokens: Longest answer, in tokens; None for the limit of the writer.
        draw: Number of the answer, where several are drawn for the same texts. Sampling differs
            between draws; greedy decoding gives the same answer.
        likely_answer: A text about as long as the answer, for forecasts; '' for the limit.
    """

    subject: str
    user: str
    system: str = ""
    shots: tuple[Shot, ...] = ()
    cue: str = ""
    stop: tuple[str, ...] = ()
    max_new_tokens: int | None = None
    draw: int = 0
    likely_answer: str = ""


@dataclass(frozen=True, slots=True)
class WrittenText:
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
class WritingForecast:
    """What requests take, before any is sent.

    Attributes:
        n_requests: Number of requests.
        n_cached: Answers of them that are cached.
        prompt_tokens: Tokens that are read for the others, estimated for endpoints.
        completion_tokens: Tokens that are expected of their answers.
        max_completion_tokens: Tokens that their answers have at most.
        cost: Price of the expected tokens.
        max_cost: Price of the answers at most.
    """

    n_requests: int
    n_cached: int
    prompt_tokens: int
    completion_tokens: int
    max_completion_tokens: int
    cost: float = 0.0
    max_cost: float = 0.0

    def __str__(self) -> str:
        """Return the forecast as one line."""
        cost = f"; cost about {self.cost:.4g}, at most {self.max_cost:.4g}" if self.max_cost else ""
        return (
            f"{self.n_requests:,} requests, {self.n_cached:,} answers cached; about "
            f"{self.prompt_tokens:,} prompt tokens and {self.completion_tokens:,} completion "
            f"tokens, at most {self.max_completion_tokens:,}{cost}"
        )


@dataclass(frozen=True, slots=True)
class WritingUsage:
    """What a writer has used so far.

    Attributes:
        n_written: Answers that were generated or requested.
        n_cached: Answers from the cache.
        prompt_tokens: Tokens that were read for the written answers.
        completion_tokens: Tokens of these answers.
        cost: Price of these tokens.
    """

    n_written: int
    n_cached: int
    prompt_tokens: int
    completion_tokens: int
    cost: float = 0.0


class TextWriter(Protocol):
    """Writes texts. Answers are cached as they come, so that an interrupted run resumes.

    Attributes:
        name: Name of the model.
        version: Hash of the model and of the settings that affect its answers.
        format: How prompts are written: `chat`, `gemma`, or `plain` for base models.
    """

    name: str
    version: str
    format: Format

    def write(self, requests: Sequence[TextRequest], progress: Progress) -> list[WrittenText]:
        """Return the answer to each request, in order.

        Args:
            requests: The requests.
            progress: Called with the number of answers so far, and the number of requests.

        Raises:
            EndpointError: The endpoint failed; answers that came before are cached.
            ModelError: The model cannot be loaded, or a request is too long for it.
        """
        ...

    def forecast(self, requests: Sequence[TextRequest]) -> WritingForecast:
        """Return what the requests take, without sending any."""
        ...

    @property
    def usage(self) -> WritingUsage:
        """What was used so far."""
        ...

    def used(self) -> str:
        """Return what was used so far as text."""
        ...
