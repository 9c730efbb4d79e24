"""Rewrite texts by a model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

from pydantic import ConfigDict

from llmexam.generation.endpoint import EndpointWriter, EndpointWriterSettings
from llmexam.recovery.making.maker import MakingSettings, WriterMaker


class EndpointMakerSettings(MakingSettings, EndpointWriterSettings):
    """How an endpoint is asked to rewrite texts."""

    model_config = ConfigDict(hide_input_in_errors=True)


class EndpointMaker(WriterMaker):
    """Rewrites texts by a model behind an endpoint.

    Args:
        settings: Endpoint, sampling and wording.

    Raises:
        MissingDependencyError: The package openai is not installed.
    """

    def __init__(self, settings: EndpointMakerSettings) -> None:
        super().__init__(settings, EndpointWriter(settings))
