"""The README.md of a trained model, in the format of Hugging Face model pages."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from llmexam.lm.models.card import ModelCard

_MARKS = re.compile(r"[\\`|\[\]*]")
_TASKS = {
    "bi-encoder": ("sentence-similarity", "sentence-transformers"),
    "cross-encoder": ("text-ranking", "sentence-transformers"),
    "multiple-choice": ("multiple-choice", "transformers"),
}
_TITLES = {
    "prompt-reranker": "A cross-encoder that reranks candidate prompts",
    "recoverer": "A recoverer of prompts",
}
_LIMITS = {
    "prompt-reranker": (
        "It ranks the candidates that a search finds; it cannot tell that none led from one text "
        "to the other.",
        "Its scores for rows that it was trained on are too good: `bank-ranker` fits the weight of "
        "its scores on other rows.",
    ),
    "recoverer": (
        "It answers every pair of texts with one prompt, and cannot tell that no prompt would "
        "have led from one text to the other.",
        "Prompts unlike those it was trained on are recovered worse: grade it on prompts, and "
        "on a source, that it has not seen.",
    ),
}
_LIMITS_OF_EXAMS = (
    "It ranks the options of a question; it cannot tell that no option is right.",
    "It was trained with evidence retrieved as described above; other evidence may "
    "give other results.",
    "Longer options are right more often in many exams, and a trained model learns "
    "this: compare with the baseline `longest`.",
)


def model_page(card: ModelCard, notes: Sequence[str] = ()) -> str:
    """Return the README of a model as Markdown, with front matter for the hub.

    Args:
        card: The model card.
        notes: Notes for the user, such as the amount of truncation.
    """
    task, library = _TASKS.get(card.family, ("", "llmexam"))
    front: dict[str, Any] = {"library_name": library, "tags": ["llmexam", card.family]}
    if task:
        front["pipeline_tag"] = task
    if "/" in card.base_model and not card.base_model.startswith((".", "/", "~")):
        front["base_model"] = card.base_model
    lines = ["---", yaml.safe_dump(front, sort_keys=True).strip(), "---", ""]
    title = _TITLES.get(card.family, f"A {card.family} model for multiple-choice exams")
    lines += [f"# {title}", ""]
    model, weights = _code(card.base_model), _code(card.base_weights_hash[:12])
    base = f"Fine-tuned from {model} (weights {weights})"
    lines += [f"{base} with llmexam.", ""]
    lines += [*_section("Results", card.metrics)]
    if card.family not in _TITLES:
        lines += _section("Evidence", card.evidence.model_dump())
    lines += [*_section("Data (content hashes)", card.data), *_section("Encoding", card.encoding)]
    lines += [*_section("Training", card.training), *_section("Versions", card.versions)]
    limits = _LIMITS.get(card.family, _LIMITS_OF_EXAMS)
    lines += ["## Limits", "", *(f"- {text}" for text in limits)]
    lines += [*(f"- {_plain(text)}" for text in notes), ""]
    if card.command:
        fence = _fence(card.command, 3)
        lines += ["## Command", "", fence, " ".join(card.command.splitlines()), fence, ""]
    return "\n".join(lines)


def _section(title: str, values: Mapping[str, Any]) -> list[str]:
    rows = [f"| {_plain(name)} | {text} |" for name, text in _flat(values) if text]
    return [f"## {title}", "", "| | |", "| --- | --- |", *rows, ""] if rows else []


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        path = f"{before}.{name}" if before else str(name)
        if isinstance(value, Mapping):
            if set(value) >= {"value", "low", "high"}:
                low, high = value["low"], value["high"]
                yield path, f"{value['value']:.4f} ({low:.4f} to {high:.4f})"
            else:
                yield from _flat(value, path)
        else:
            yield path, _cell(value)


def _cell(value: Any) -> str:
    if value is None or value in ((), []):
        return ""
    if isinstance(value, list | tuple):
        value = ", ".join(str(one) for one in value)
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return _plain(text)


def _plain(text: str) -> str:
    """Return a text as Markdown that shows it: names of files may hold HTML, images or links."""
    return html.escape(_MARKS.sub(r"\\\g<0>", " ".join(text.split())), quote=False)


def _code(text: str) -> str:
    """Return a text as a code span."""
    bare = " ".join(text.split())
    fence = _fence(bare, 1)
    return f"{fence} {bare} {fence}" if len(fence) > 1 else f"{fence}{bare}{fence}"


def _fence(text: str, n: int) -> str:
    """Return more backticks than stand together in a text, and at least n."""
    return "`" * max([n, *(len(found) + 1 for found in re.findall("`+", text))])
