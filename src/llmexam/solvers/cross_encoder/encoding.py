"""How a cross-encoder reads: the settings that training and scoring share."""

from __future__ import annotations

from pydantic import Field

from llmexam.solvers.readers.encoding import EncodingSettings, Layout


class CrossEncoderEncoding(EncodingSettings):
    """How a question becomes the tokens that a cross-encoder sees."""

    layout: Layout = Field(
        "prompt+evidence|option",
        description="order of question text, evidence and option in the two texts of a pair",
    )
