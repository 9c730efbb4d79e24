"""Prompts as a model read them, made again from a run's plan without loading weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from llmexam.errors import LlmExamError
from llmexam.exam.letters import letter_of
from llmexam.exam.question import Question
from llmexam.lm.models.card import read_card
from llmexam.solvers.causal_lm.asking import asking_of
from llmexam.solvers.causal_lm.settings import CausalLmSettings
from llmexam.solvers.prompts.template import read_template, template_names
from llmexam.solvers.prompts.wording import as_text
from llmexam.solvers.readers.encoding import EncodingSettings, option_pairs
from llmexam.solvers.served.prompts import TemplateWording, served_template
from llmexam.solvers.served.requests import write_requests
from llmexam.solvers.served.settings import ServedSettings

_MOST_BYTES = 4_000_000
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_READERS = ("cross-encoder", "multiple-choice", "keras-choice")
_NO_TEXT = {
    "lexical": "compares words of options and passages; it reads no prompt",
    "bi-encoder": "encodes each sentence of the passages and each option by itself",
    "ranker": "combines features of other solvers; it reads no prompt",
    "cascade": "asks other solvers one after the other; it reads no prompt itself",
}
_OWN_FILE = "its prompt template is a file of its own, which pages do not read"


@dataclass(frozen=True)
class Prompt:
    """A text that a model read.

    Attributes:
        label: What it is, such as "rotation 2 of 5" or "option B".
        text: The text.
    """

    label: str
    text: str


@dataclass(frozen=True)
class SolverPrompts:
    """What a solver read of a question.

    Attributes:
        solver: Its name in the plan.
        prompts: The texts; empty where they cannot be made again.
        note: What differs from the model's input, or why there are none.
    """

    solver: str
    prompts: tuple[Prompt, ...]
    note: str


def planned_solvers(folder: Path) -> tuple[dict[str, Any], ...]:
    """Return the solvers of a run's plan as mappings; none where it cannot be read."""
    path = folder / "plan.yaml"
    try:
        if path.stat().st_size > _MOST_BYTES:
            return ()
        found = yaml.load(path.read_text("utf-8"), _YAML)
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return ()
    solvers = found.get("solvers") if isinstance(found, dict) else None
    return (
        tuple(one for one in solvers if isinstance(one, dict)) if isinstance(solvers, list) else ()
    )


def solver_prompts(
    planned: Mapping[str, Any], question: Question, *, is_truncated: bool
) -> SolverPrompts:
    """Return what a solver read of a question.

    Args:
        planned: The solver, as in the plan of a run.
        question: The question with its passages.
        is_truncated: Whether the run truncated its evidence.
    """
    kind = str(planned.get("solver", ""))
    name = str(planned.get("name") or kind)
    settings = planned.get("settings")
    values = (
        {k: v for k, v in settings.items() if v is not None} if isinstance(settings, dict) else {}
    )
    try:
        if kind == "causal-lm":
            return _decoder(name, values, question, is_truncated)
        if kind == "openai":
            return _served(name, values, question)
        if kind in _READERS:
            return _reader(name, values, question, is_truncated)
    except (LlmExamError, OSError, ValueError, KeyError, TypeError) as error:
        message = error.message if isinstance(error, LlmExamError) else type(error).__name__
        return SolverPrompts(name, (), f"the prompt cannot be made again here: {message}")
    return SolverPrompts(name, (), _NO_TEXT.get(kind, "this solver sends no prompt that is known"))


def _decoder(
    name: str, values: dict[str, Any], question: Question, is_truncated: bool
) -> SolverPrompts:
    settings = CausalLmSettings.parse(values, subject="the solver")
    # A plan of a folder from elsewhere must not lead to other files of this machine.
    if settings.template not in template_names():
        return SolverPrompts(name, (), _OWN_FILE)
    template = read_template(settings.template)
    asking = asking_of(
        template, norm=settings.norm, n_rotations=settings.rotations, calibrate=settings.calibrate
    )
    texts = (p.text.strip() for p in question.passages[: settings.passages])
    context = "\n".join(text for text in texts if text)
    prompts = []
    for number, ask in enumerate(asking.asks(question), 1):
        asked = template.render_question(context=context, **ask.names)
        text = as_text(template.instructions, [], asked, separator=template.separator)
        answers = " | ".join(ask.answers)
        label = f"prompt {number}" + (f"; scored continuations: {answers}" if answers else "")
        prompts.append(Prompt(label, text))
    notes = [
        "the chat template of the model is put around it" if settings.chat else "",
        "examples stand before it" if settings.shots is not None else "",
        "the run truncated its context at the end" if is_truncated else "",
    ]
    return SolverPrompts(name, tuple(prompts), "; ".join(note for note in notes if note))


def _served(name: str, values: dict[str, Any], question: Question) -> SolverPrompts:
    settings = ServedSettings.parse(values, subject="the solver")
    if settings.template is not None and settings.template not in template_names():
        return SolverPrompts(name, (), _OWN_FILE)
    wording = TemplateWording(served_template(settings.template)) if settings.template else None
    requests = write_requests(
        question, settings, ranking=settings.answers == "ranking", wording=wording
    )
    prompts = []
    for number, (order, request) in enumerate(requests, 1):
        messages = request.body.get("messages")
        text = (
            "\n\n".join(f"[{one['role']}]\n{one['content']}" for one in messages)
            if messages
            else str(request.body.get("prompt", ""))
        )
        letters = "".join(letter_of(place) for place in order)
        prompts.append(Prompt(f"request {number}, options in the order {letters}", text))
    note = "examples stand before the question" if settings.shots is not None else ""
    return SolverPrompts(name, tuple(prompts), note)


def _reader(
    name: str, values: dict[str, Any], question: Question, is_truncated: bool
) -> SolverPrompts:
    if values.get("encoding"):
        return SolverPrompts(name, (), "the model was trained elsewhere and reads its own encoding")
    folder = Path(str(values.get("model", ""))).expanduser()
    card = read_card(folder) if folder.is_dir() else None
    if card is None:
        return SolverPrompts(name, (), "the folder of its model is no longer there")
    known = {k: v for k, v in card.encoding.items() if k in EncodingSettings.model_fields}
    settings = EncodingSettings.parse(known, subject="the encoding")
    prompts = tuple(
        Prompt(
            f"option {letter_of(i)}", f"[first text]\n{pair.first}\n\n[second text]\n{pair.second}"
        )
        for i, pair in enumerate(option_pairs(question, settings))
    )
    note = f"cut to {settings.max_tokens} tokens an option, in the first text"
    return SolverPrompts(name, prompts, note + ("; it was cut here" if is_truncated else ""))
