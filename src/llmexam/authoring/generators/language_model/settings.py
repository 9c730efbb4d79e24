"""Settings of the generators that use a language model."""

from __future__ import annotations

from pydantic import Field

from llmexam.settings.base import Settings


class LanguageModelSettings(Settings):
    """How often a language model is asked, and about which passages."""

    max_draws: int = Field(
        3,
        ge=1,
        le=100,
        description="most answers to request for one question; after a draft that cannot be used, "
        "the next one is drawn with another seed",
    )
    max_characters: int = Field(
        3_000, ge=100, description="longest passage; longer ones give no questions"
    )
    min_characters: int = Field(
        120, ge=0, description="shortest passage; shorter ones give no questions"
    )
    round_trip: bool = Field(
        True,
        description="whether the model has to give the right option when it answers a question "
        "that it wrote for a given answer; other questions are not used",
    )
    together: int = Field(
        32, ge=1, description="passages whose requests are sent together; affects memory and speed"
    )
