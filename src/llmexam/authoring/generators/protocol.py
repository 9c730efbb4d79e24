"""The interface of a generator: what it is asked for, and what it returns per passage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, get_args, runtime_checkable

from llmexam.authoring.item import AuthoredItem, Source, Style
from llmexam.errors import SettingsError
from llmexam.exam.letters import MAX_OPTIONS
from llmexam.generation.writer import WritingForecast

STYLES: tuple[Style, ...] = get_args(Style)
"""All styles, in their order of preference."""

MIN_AUTHORED_OPTIONS = 3
_NONE: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Request:
    """What a generator is asked to write from each passage.

    Attributes:
        per_passage: Most questions to write from one passage.
        styles: Styles to write, the preferred ones first.
        n_options: Options per question, the answer included.
        seed: Random seed. With the same seed a passage gives the same questions, whatever
            passages are beside it in the call, and however many processes share the work.

    Raises:
        SettingsError: A number is out of its range, or a style is unknown or given twice.
    """

    per_passage: int = 1
    styles: tuple[Style, ...] = STYLES
    n_options: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.per_passage < 1:
            raise SettingsError(f"expected per_passage of at least 1, got {self.per_passage}")
        if not MIN_AUTHORED_OPTIONS <= self.n_options <= MAX_OPTIONS:
            raise SettingsError(
                f"expected n_options from {MIN_AUTHORED_OPTIONS} to {MAX_OPTIONS}, "
                f"got {self.n_options}"
            )
        unknown = [style for style in self.styles if style not in STYLES]
        if unknown or not self.styles or len(set(self.styles)) < len(self.styles):
            raise SettingsError(
                f"expected different styles out of {', '.join(STYLES)}, "
                f"got {', '.join(self.styles) or 'none'}"
            )


@dataclass(frozen=True, slots=True)
class Written:
    """What a generator wrote from one passage.

    Attributes:
        source: The passage.
        items: Its questions, at most as many as requested.
        reasons: Why there are fewer than requested: counts of drafts, sentences or replies that
            were given up, by reason (`"no term"`, `"too few distractors"`). It may also hold
            counts where the request was met.
    """

    source: Source
    items: tuple[AuthoredItem, ...]
    reasons: Mapping[str, int] = field(default_factory=lambda: _NONE)


@runtime_checkable
class Generator(Protocol):
    """Writes questions from passages.

    Attributes:
        name: Name of the generator with its model, such as `sentences`; `AuthoredItem.generator`.
        version: Version of its rules or prompts; `AuthoredItem.prompt_version`. It changes
            whenever the same passage would give other questions.
    """

    @property
    def name(self) -> str:
        """Name of the generator with its model."""
        ...

    @property
    def version(self) -> str:
        """Version of its rules or prompts."""
        ...

    def prepare(self, corpus: Iterable[Source]) -> None:
        """Read the whole corpus once, before the first call of `write`.

        A generator that takes distractors or statistics from other passages collects them here.
        The others return without reading. Calling it again replaces what was collected.
        """
        ...

    def write(self, sources: Iterable[Source], request: Request) -> Iterator[Written]:
        """Yield one `Written` per source, in the order of the sources.

        Sources are read as they are needed, so a caller may pass a stream, and a caller that
        stops in the middle has complete results of every source that was yielded. A source that
        gives no question is yielded with its reasons, so the iteration always ends.
        """
        ...


@runtime_checkable
class Forecaster(Generator, Protocol):
    """A generator that asks a language model, and can tell beforehand what that takes."""

    def forecast(self, sources: Iterable[Source], request: Request) -> WritingForecast:
        """Return what writing takes, without asking the model. Call `prepare` first."""
        ...
