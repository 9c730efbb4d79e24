"""Encoding of models that were trained elsewhere, as the user gives it.

Such a folder has no model card that says how its training turned a question into tokens. Any
difference costs accuracy without an error, so that there is no default for the layout.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from llmexam.errors import ModelError
from llmexam.exam.question import Question
from llmexam.lm.readers.text_pairs import EncodedPair, TextPair, encode_pairs
from llmexam.solvers.readers.encoding import EncodedQuestion, EncodingSettings, gathered_evidence

_PARTS = ("evidence", "prompt", "option")
_LAYOUT = re.compile(r"[a-z]+(\+[a-z]+)*\|[a-z]+(\+[a-z]+)*")
_NO_LIMIT = 10**9
EXAMPLE = "encoding.layout='evidence|prompt+option'"


class ForeignEncoding(EncodingSettings):
    """Encoding of a question as the input of a model that was trained elsewhere."""

    max_tokens: int = Field(
        512,
        ge=16,
        le=8192,
        description="tokens per option with its evidence, special tokens included; evidence is "
        "truncated at its end",
    )
    layout: str = Field(  # type: ignore[assignment]  # any order of the parts
        description="the two texts of a pair, from the parts evidence, prompt and option: | is "
        "between the texts, + between parts of one, as in evidence|prompt+option or prompt|option",
    )
    evidence: Literal["none", "whole", "sentences"] = Field(
        "whole",
        description="evidence to read. none: no passages; whole: passages in order; sentences: "
        "those with the highest lexical overlap with question text and option",
    )
    separator: str = Field(
        " ", max_length=40, description="text between the parts of one text, such as ' [SEP] '"
    )
    label: int | None = Field(
        None,
        ge=0,
        description="for a classifier with several outputs: index of the output that means that an "
        "option is right, from 0; defaults to 1 if there are 2 outputs",
    )

    @field_validator("layout")
    @classmethod
    def _has_parts(cls, layout: str) -> str:
        parts = re.split(r"[+|]", layout.replace(" ", ""))
        is_known = sorted(set(parts)) == sorted(parts) and set(parts) <= set(_PARTS)
        if not _LAYOUT.fullmatch(layout.replace(" ", "")) or not is_known or "option" not in parts:
            raise ValueError(
                "expected the parts evidence, prompt and option, each once at most, with one | "
                "between two texts and + between parts of one, as in evidence|prompt+option"
            )
        return layout.replace(" ", "")

    @property
    def reads_passages(self) -> bool:
        """Whether passages of the questions are used."""
        return self.evidence != "none" and "evidence" in self.layout


@dataclass(frozen=True, slots=True)
class ForeignModel:
    """What is said in reports of a model that was trained elsewhere; it is no usage of resources.

    Attributes:
        encoding: The encoding that the user gave.
    """

    encoding: ForeignEncoding

    def __str__(self) -> str:
        """Return the text for reports."""
        one = self.encoding
        return (
            f"foreign model: not trained by llmexam, and read with the encoding that was given "
            f"(layout {one.layout}, {one.max_tokens} tokens, evidence {one.evidence})"
        )

    def since(self, earlier: Any) -> ForeignModel:
        """Return the same."""
        return self


def encode_foreign(
    questions: Sequence[Question], settings: ForeignEncoding, tokenizer: Any
) -> list[EncodedQuestion]:
    """Return the tokens of each question.

    Evidence is truncated where the rest leaves no room for it, wherever it stands.

    Args:
        questions: The questions, with their evidence.
        settings: The encoding.
        tokenizer: A fast tokenizer of transformers.

    Raises:
        ModelError: The maximum length is too small for the tokenizer's special tokens.
    """
    return [
        EncodedQuestion(
            tuple(
                _encode(question.prompt, option, found, settings, tokenizer)
                for option, found in zip(
                    question.options, gathered_evidence(question, settings), strict=True
                )
            )
        )
        for question in questions
    ]


def _encode(
    prompt: str, option: str, evidence: str, settings: ForeignEncoding, tokenizer: Any
) -> EncodedPair:
    evidence = evidence if "evidence" in settings.layout else ""
    pair = _pair(prompt, option, evidence, settings)
    (whole,) = encode_pairs([pair], tokenizer, _NO_LIMIT)
    too_many = len(whole.ids) - settings.max_tokens
    if too_many <= 0:
        return whole
    if not evidence:
        return encode_pairs([pair], tokenizer, settings.max_tokens)[0]
    offsets = tokenizer(evidence, add_special_tokens=False, return_offsets_mapping=True)
    ends = [end for _, end in offsets["offset_mapping"]]
    kept = max(0, len(ends) - too_many)
    cut = evidence[: ends[kept - 1]] if kept else ""
    (fitted,) = encode_pairs([_pair(prompt, option, cut, settings)], tokenizer, settings.max_tokens)
    return replace(fitted, n_cut=len(ends) - kept + fitted.n_cut, n_first=max(1, len(ends)))


def _pair(prompt: str, option: str, evidence: str, settings: ForeignEncoding) -> TextPair:
    parts = {"prompt": prompt, "option": option, "evidence": evidence}
    first, second = (
        settings.separator.join(parts[name] for name in text.split("+") if parts[name])
        for text in settings.layout.split("|")
    )
    return TextPair(first, second)


def foreign_scores(logits: NDArray[np.float32], label: int | None) -> NDArray[np.float64]:
    """Return one score per sequence from the outputs of a classifier; `[n_sequences]`.

    Args:
        logits: Outputs, shape `[n_sequences, n_outputs]`.
        label: The output that says that an option is right.

    Raises:
        ModelError: There are several outputs, and none or another is named.
    """
    n_outputs = logits.shape[1]
    if label is None and n_outputs <= 2:
        label = n_outputs - 1
    if label is None or label >= n_outputs:
        raise ModelError(
            f"the model has {n_outputs} outputs, and "
            + ("none is named" if label is None else f"number {label} is not among them"),
            field="encoding.label",
            hint="Set encoding.label to the output that says that an option is right, from 0",
        )
    values = logits.astype(np.float64)
    if n_outputs == 1:
        return values[:, 0]
    others = np.delete(values, label, axis=1)
    # Log-odds of the label against all others.
    found: NDArray[np.float64] = values[:, label] - np.logaddexp.reduce(others, axis=1)
    return found
