"""Rewrite texts by a local language model."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from llmexam.generation.local import LocalWriter, LocalWriterSettings
from llmexam.recovery.making.maker import MakingSettings, WriterMaker
from llmexam.settings.kinds import FolderReference, NotInKey


class LocalMakerSettings(MakingSettings, LocalWriterSettings):
    """How a local language model is asked to rewrite texts."""

    cache_dir: Annotated[str, FolderReference(), NotInKey()] = Field(
        "~/.cache/llmexam/made",
        min_length=1,
        description="folder that caches all answers, so that an interrupted run resumes",
    )


class LocalMaker(WriterMaker):
    """Rewrites texts by a language model on this machine.

    Args:
        settings: Model, sampling and wording.

    Raises:
        ModelError: There is no such model, or it has no chat template that its format needs.
    """

    def __init__(self, settings: LocalMakerSettings) -> None:
        self.settings = settings
        super().__init__(settings, LocalWriter(settings))
