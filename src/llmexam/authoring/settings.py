"""Settings of writing questions: the file of `llmexam author write`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from llmexam.authoring.checks.settings import ChecksSettings
from llmexam.authoring.generators.language_model.settings import LanguageModelSettings
from llmexam.authoring.generators.protocol import STYLES, Request
from llmexam.authoring.item import Style
from llmexam.authoring.sources import ClusterBy
from llmexam.evidence.corpus import CorpusSettings
from llmexam.exam.letters import MAX_OPTIONS
from llmexam.generation.endpoint import EndpointWriterSettings
from llmexam.generation.local import LocalWriterSettings
from llmexam.settings.base import OneOrMany, Settings
from llmexam.settings.kinds import NotInKey

Written = Literal["questions", "stems", "distractors"]

# Passages to read per wanted question, where nothing else limits them.
_PASSAGES_BY_MODELS = 20
# Rules find a question in one of about 90 passages of a textbook, and reading more costs little.
_PASSAGES_BY_RULES = 200
RELIABLE_STYLES: tuple[Style, ...] = ("definition", "number", "cloze")
"""Styles that rules write by default; the other styles fail a strict reading more often."""


class AuthoringSettings(Settings):
    """How questions are written from the passages of a corpus."""

    corpus: OneOrMany[CorpusSettings] = Field(
        min_length=1, description="files or folders of passages"
    )
    cluster_by: ClusterBy = Field(
        "auto",
        description="article of a passage, the cluster of its questions. id: its id without the "
        "last part, as in `enwiki:12:3`; title: its title; passage: each passage is an article; "
        "auto: the id if it has several parts, else the title",
    )
    n_questions: int | None = Field(
        None,
        ge=1,
        description="number of questions; by default all that the passages give. With a number, "
        "passages are read in random order",
    )
    n_passages: int | None = Field(
        None,
        ge=1,
        description="number of passages to draw at random. Defaults to all; with `n_questions`, to "
        "20 per question if a language model writes whole questions, and else to 200",
    )
    per_passage: int = Field(1, ge=1, le=100, description="most questions from one passage")
    styles: OneOrMany[Style] | None = Field(
        None,
        description="kinds of questions, the preferred ones first. Defaults to all if a language "
        "model writes the questions, and else to those that rules write best: definition, "
        "number and cloze",
    )
    n_options: int = Field(5, ge=3, le=MAX_OPTIONS, description="options of a question")
    seed: int = Field(0, ge=0, lt=2**31, description="random seed")
    model: LocalWriterSettings | None = Field(
        None, description="language model on this machine that writes; by default none does"
    )
    endpoint: EndpointWriterSettings | None = Field(
        None, description="language model behind an OpenAI-compatible endpoint, instead of `model`"
    )
    writes: Written = Field(
        "questions",
        description="what the language model writes: whole questions; or only question texts "
        "(stems) or wrong options (distractors) of questions that rules have written",
    )
    drawing: LanguageModelSettings = Field(
        LanguageModelSettings(), description="how often the language model is asked"
    )
    max_sentences: int = Field(
        200_000,
        ge=1,
        description="most sentences of the corpus that are stored for wrong options, without a "
        "language model",
    )
    checks: ChecksSettings = Field(
        ChecksSettings(), description="checks of the questions; `null` leaves one out"
    )
    n_processes: Annotated[int, NotInKey()] = Field(
        1, ge=1, le=256, description="processes that share the work of rules and checks"
    )

    @field_validator("styles")
    @classmethod
    def _check_styles(cls, styles: tuple[Style, ...] | None) -> tuple[Style, ...] | None:
        if styles is None:
            return None
        if not styles:
            raise ValueError("expected at least one style, got none")
        if len(set(styles)) < len(styles):
            raise ValueError(f"a style is given twice: {', '.join(styles)}")
        return styles

    @model_validator(mode="after")
    def _check_model(self) -> Self:
        if self.model is not None and self.endpoint is not None:
            raise ValueError("`model` and `endpoint` are both set. Remove one of them")
        if self.writes != "questions" and not self.uses_language_model:
            raise ValueError(f"`writes: {self.writes}` needs a `model` or an `endpoint`")
        if self.n_processes > 1 and self.uses_language_model:
            raise ValueError(
                "a language model writes in one process. Remove `n_processes`, or set it to 1"
            )
        return self

    @property
    def uses_language_model(self) -> bool:
        """Whether a language model writes."""
        return self.model is not None or self.endpoint is not None

    @property
    def request(self) -> Request:
        """What the generator is asked for."""
        styles = self.styles or (RELIABLE_STYLES if self._by_rules else STYLES)
        return Request(self.per_passage, styles, self.n_options, self.seed)

    @property
    def n_sampled(self) -> int | None:
        """Number of passages to draw; None for all, in their order."""
        if self.n_passages is not None or self.n_questions is None:
            return self.n_passages
        return self.n_questions * (_PASSAGES_BY_RULES if self._by_rules else _PASSAGES_BY_MODELS)

    @property
    def _by_rules(self) -> bool:
        """Whether rules choose what is asked."""
        return self.writes != "questions" or not self.uses_language_model
