"""Encoding settings that training and scoring of a cross-encoder share."""

from __future__ import annotations

from pydantic import Field

from llmexam.solvers.readers.encoding import EncodingSettings, Layout


class CrossEncoderEncoding(EncodingSettings):
    """Encoding of a question as the input of a cross-encoder."""

    layout: Layout = Field(
        "prompt+evidence|option",
        description="order of question text, evidence and option in the two texts of a pair",
    )
