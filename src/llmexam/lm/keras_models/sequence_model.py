"""Interface of a model that gives one logit per sequence: an encoder or a decoder with a head."""

from __future__ import annotations

from typing import Any, Literal, Protocol

KerasHead = Literal["mean", "native", "last"]
"""Kinds of heads: `mean` and `native` over encoders, `last` over decoders."""


class SequenceModel(Protocol):
    """What choice models and engines need of `KerasReader` and `KerasDecoderReader`."""

    @property
    def backbone(self) -> Any:
        """The model of KerasHub; returns token vectors, `[n_sequences, n_tokens, dim]`."""
        ...

    @property
    def head(self) -> Any:
        """A layer, called as `head(vectors, padding_mask)`; returns `[n_sequences, 1]`."""
        ...

    @property
    def core(self) -> Any:
        """The backbone of KerasHub that has the layers by their names."""
        ...

    @property
    def head_kind(self) -> KerasHead:
        """The kind of head."""
        ...

    @property
    def new_head(self) -> bool:
        """Whether the head was newly initialised."""
        ...

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs that the backbone takes."""
        ...

    @property
    def max_tokens(self) -> int | None:
        """Context length in tokens; None without a limit."""
        ...

    @property
    def pad_id(self) -> int:
        """Token id to pad with."""
        ...
