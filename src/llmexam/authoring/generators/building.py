"""The generator that settings describe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmexam.authoring.generators.protocol import Generator
from llmexam.authoring.generators.sentences.generator import SentenceGenerator
from llmexam.authoring.settings import AuthoringSettings
from llmexam.generation.endpoint import EndpointWriter
from llmexam.generation.local import LocalWriter

if TYPE_CHECKING:
    from llmexam.generation.writer import TextWriter


def build_generator(settings: AuthoringSettings) -> tuple[Generator, TextWriter | None]:
    """Return the generator, and the language model that it uses, or None.

    Raises:
        ModelError: There is no such model.
        MissingDependencyError: The package that an endpoint needs is not installed.
    """
    writer = _writer(settings)
    if writer is None:
        return SentenceGenerator(settings.max_sentences), None
    from llmexam.authoring.generators.language_model.generator import LanguageModelGenerator
    from llmexam.authoring.generators.language_model.mixed import MixedGenerator

    if settings.writes == "questions":
        return LanguageModelGenerator(writer, settings.drawing), writer
    base = SentenceGenerator(settings.max_sentences)
    is_stem = settings.writes == "stems"
    return MixedGenerator(
        base, writer, "stem" if is_stem else "distractors", settings.drawing
    ), writer


def _writer(settings: AuthoringSettings) -> TextWriter | None:
    if settings.model is not None:
        return LocalWriter(settings.model)
    if settings.endpoint is not None:
        return EndpointWriter(settings.endpoint)
    return None
