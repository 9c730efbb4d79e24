"""Encoding of models that were trained elsewhere, as the user gives it.

Such a folder has no model card that says how its training turned a question into tokens. Any
difference costs accuracy without an error, so that there is no default for the layout.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from llmexam.errors import ModelError
from llmexam.exam.letters import letter_of
from llmexam.exam.question import Question
from llmexam.lm.readers.text_pairs import EncodedPair, TextPair, encode_pairs
from llmexam.solvers.readers.encoding import EncodedQuestion, EncodingSettings, gathered_evidence

_PARTS = ("evidence", "prompt", "option")
"""In the order in which they are truncated."""
_LAYOUT = re.compile(r"[a-z]+(\+[a-z]+)*\|[a-z]+(\+[a-z]+)*")
_NO_LIMIT = 10**9
_LONGEST_NAME = 40
EXAMPLE = "encoding.layout='evidence|prompt+option'"


class ForeignEncoding(EncodingSettings):
    """Encoding of a question as the input of a model that was trained elsewhere."""

    max_tokens: int = Field(
        512,
        ge=16,
        le=8192,
        description="tokens per option with its evidence, special tokens included; if there are "
        "more, the evidence is truncated at its end, then the prompt",
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
        "option is right, from 0; defaults to 1 if there are 2 outputs whose names in "
        "config.json (id2label) are missing or LABEL_0 and LABEL_1",
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

    If they are too many, the evidence is truncated at its end, then the prompt, wherever they
    stand, and the option only where it alone is too long.

    Args:
        questions: The questions, with their evidence.
        settings: The encoding.
        tokenizer: A fast tokenizer of transformers.

    Raises:
        ModelError: Options are so long that what is left of two of them is equal.
    """
    encoded = []
    for question in questions:
        pairs: list[EncodedPair] = []
        for option, evidence in zip(
            question.options, gathered_evidence(question, settings), strict=True
        ):
            parts = {"evidence": evidence, "prompt": question.prompt, "option": option}
            pair, is_option_whole = _encode(parts, settings, tokenizer)
            if not is_option_whole:
                _require_other(question, pair, pairs, settings)
            pairs.append(pair)
        encoded.append(EncodedQuestion(tuple(pairs)))
    return encoded


def _require_other(
    question: Question, pair: EncodedPair, before: Sequence[EncodedPair], settings: ForeignEncoding
) -> None:
    """Refuse a truncated option that cannot be told from an earlier, different one."""
    for number, other in enumerate(before):
        differs = question.options[number] != question.options[len(before)]
        if other.ids == pair.ids and differs:
            raise ModelError(
                f"{settings.max_tokens} tokens are too few for question {question.id!r}: what is "
                f"left of options {letter_of(number)} and {letter_of(len(before))} is equal",
                field="encoding.max_tokens",
                hint="Set encoding.max_tokens to a higher value, up to the context length of the "
                "model, or leave the question out",
            )


def _encode(
    parts: dict[str, str], settings: ForeignEncoding, tokenizer: Any
) -> tuple[EncodedPair, bool]:
    """Return the tokens of an option with what there is room for, and whether it is whole."""
    option = parts["option"]
    fitted = _encode_whole(parts, settings, tokenizer)
    n_cut = n_tokens = 0
    for name in _PARTS:
        if name not in settings.layout or len(fitted.ids) <= settings.max_tokens:
            continue
        n_before = len(_token_ends(parts[name], tokenizer))
        # Tokens beside a cut may differ from those of the whole text, so that one may not do.
        while parts[name] and len(fitted.ids) > settings.max_tokens:
            shorter = _without_end(parts[name], len(fitted.ids) - settings.max_tokens, tokenizer)
            parts = parts | {name: shorter}
            fitted = _encode_whole(parts, settings, tokenizer)
        if n_before and not n_cut:
            n_tokens = n_before
            n_cut = max(1, n_before - len(_token_ends(parts[name], tokenizer)))
    if n_cut:
        fitted = replace(fitted, n_cut=n_cut, n_first=n_tokens)
    return fitted, parts["option"] == option


def _encode_whole(
    parts: Mapping[str, str], settings: ForeignEncoding, tokenizer: Any
) -> EncodedPair:
    first, second = (
        settings.separator.join(parts[name] for name in text.split("+") if parts[name])
        for text in settings.layout.split("|")
    )
    return encode_pairs([TextPair(first, second)], tokenizer, _NO_LIMIT)[0]


def _without_end(text: str, n_tokens: int, tokenizer: Any) -> str:
    """Return a text without its last tokens, at least one character shorter."""
    ends = _token_ends(text, tokenizer)
    kept = len(ends) - n_tokens
    # Several tokens may end at one character, such as the bytes of an emoji.
    while kept > 0 and ends[kept - 1] >= len(text):
        kept -= 1
    return text[: ends[kept - 1]] if kept > 0 else ""


def _token_ends(text: str, tokenizer: Any) -> list[int]:
    """Return the position after each token of a text, in characters."""
    # The tokenizer rejects lone surrogates, which damaged files may contain.
    clean = text.encode("utf-8", "replace").decode("utf-8")
    found = tokenizer(clean, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    return [end for _, end in found["offset_mapping"]]


def output_names(config: Any) -> dict[int, str]:
    """Return the names of a classifier's outputs, without those that only repeat their number.

    >>> output_names({"id2label": {"0": "entailment", "1": "LABEL_1"}})
    {0: 'entailment'}

    Args:
        config: What the model's `config.json` holds.
    """
    names = config.get("id2label") if isinstance(config, dict) else None
    if not isinstance(names, dict):
        return {}
    return {
        int(number): str(name)[:_LONGEST_NAME]
        for number, name in names.items()
        if re.fullmatch("[0-9]{1,4}", number)
        and str(name).upper() not in (f"LABEL_{number}", number)
    }


def foreign_scores(
    logits: NDArray[np.float32], label: int | None, names: Mapping[int, str]
) -> NDArray[np.float64]:
    """Return one score per sequence from the outputs of a classifier; `[n_sequences]`.

    Args:
        logits: Outputs, shape `[n_sequences, n_outputs]`.
        label: The output that says that an option is right.
        names: Names of outputs. Two outputs with names have no default label.

    Raises:
        ModelError: There are several outputs, and none or no existing one is chosen.
    """
    n_outputs = logits.shape[1]
    if label is None and (n_outputs == 1 or (n_outputs == 2 and not names)):
        label = n_outputs - 1
    if label is None or label >= n_outputs:
        known = ", ".join(f"{i} is {names[i]!r}" for i in sorted(names) if i < n_outputs)
        raise ModelError(
            f"the model has {n_outputs} outputs{known and f' ({known})'}, and "
            + ("none is chosen" if label is None else f"number {label} is not among them"),
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
