"""Samples of lm-evaluation-harness: `samples_<task>_<time>.jsonl` of `--log_samples`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from llmexam.errors import ExamError
from llmexam.exam.letters import letter_of
from llmexam.harness.fields import list_of, mapping_of, number_of, order_of, text_or_json
from llmexam.harness.log import HarnessLog, LoggedAnswer
from llmexam.solvers.served.answers import parse_answer

NAME = "lm-evaluation-harness"
_FILE = re.compile(r"samples_(?P<task>.+?)_(?P<time>\d{4}-\d\d-\d\dT[\d.-]+)$")
# Keys of a document that may hold its options, and its question.
_OPTIONS = ("choices", "options", "endings", "answers")
# Ways of reading the target of a scored task, the usual one first.
_WAYS = ("document", "index", "letter", "text")
_PROMPTS = ("question", "prompt", "query", "ctx", "input", "problem", "sentence")


def looks_like(record: Mapping[str, Any]) -> bool:
    """Return whether a JSON line is a sample of this harness."""
    return "doc_id" in record and "doc" in record and ("resps" in record or "target" in record)


def read(path: Path, records: Iterable[tuple[int, Mapping[str, Any]]]) -> HarnessLog:
    """Return the log of a task.

    A task with several filters has a line for each question and filter; the first filter is read.

    Args:
        path: The file.
        records: Number and content of its lines.

    Raises:
        ExamError: A line is not a sample.
    """
    samples: dict[str, _Sample] = {}
    filters: dict[str, int] = {}
    for line, record in records:
        if not looks_like(record):
            raise ExamError("expected a sample with doc_id, doc and target", file=path, row=line)
        used = str(record.get("filter", "none"))
        filters[used] = filters.get(used, 0) + 1
        if used == next(iter(filters)):
            one = _sample(record)
            if one.answer.id in samples:
                raise ExamError(
                    f"duplicate doc_id '{one.answer.id}'", file=path, row=line, field="doc_id"
                )
            samples[one.answer.id] = one
    named = _FILE.match(path.stem)
    chosen, *others = filters or ["none"]
    notes = [f"read filter {chosen}; left out {', '.join(others)}"] if others else []
    order = _order_of_targets(list(samples.values()))
    return HarnessLog(
        path=path,
        harness=NAME,
        model=_model(path, named["time"] if named else ""),
        task=named["task"] if named else "",
        answers=tuple(one.settled(order) for one in samples.values()),
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True)
class _Sample:
    """A sample whose target is not settled: "2" may be an index, a letter's place or an option.

    Attributes:
        answer: The sample without its right options.
        targets: The right options by the way of reading the target.
    """

    answer: LoggedAnswer
    targets: Mapping[str, tuple[int, ...]]

    def settled(self, order: Sequence[str]) -> LoggedAnswer:
        """Return the answer with the right options by the first way that gives some."""
        right = next((self.targets[way] for way in order if way in self.targets), ())
        return replace(self.answer, right=right)

    def agrees(self, way: str) -> bool | None:
        """Return whether a way of reading the target explains `acc`; None if it says nothing."""
        accuracy = self.answer.values.get("acc")
        if accuracy not in (0.0, 1.0) or way not in self.targets or not self.answer.ranking:
            return None
        return (self.answer.ranking[0] in self.targets[way]) == (accuracy == 1.0)


def _order_of_targets(samples: Sequence[_Sample]) -> list[str]:
    """Return the ways of reading targets, the one that explains most values of `acc` first."""
    is_scored = any(one.answer.scores for one in samples)
    usual = _WAYS if is_scored else (*_WAYS[:1], *_WAYS[2:], _WAYS[1])

    def share(way: str) -> float:
        known = [found for one in samples if (found := one.agrees(way)) is not None]
        return sum(known) / len(known) if known else 0.0

    return sorted(usual, key=lambda way: -share(way))


def _sample(record: Mapping[str, Any]) -> _Sample:
    doc = mapping_of(record["doc"])
    responses = list_of(record.get("filtered_resps", record.get("resps")))
    continuations = _continuations(record.get("arguments"))
    scores = _scores(responses)
    options, known = _options_of(doc, continuations if scores else ())
    if len(scores) != len(options):
        scores = ()
    values = {
        str(name): number
        for name in map(str, _metrics(record))
        if (number := number_of(record.get(name))) is not None
    }
    reply = responses[0] if len(responses) == 1 and isinstance(responses[0], str) else ""
    ranking = (
        order_of(scores)
        if scores
        else parse_answer(reply, options).order
        if options and reply
        else ()
    )
    answer = LoggedAnswer(
        id=str(record["doc_id"]),
        prompt=_prompt_of(doc, record.get("arguments")),
        options=options,
        ranking=ranking,
        scores=scores,
        values=values,
        reply=reply,
    )
    targets = _targets(record.get("target"), doc, options)
    return _Sample(answer, {"document": known} if known else targets)


def _metrics(record: Mapping[str, Any]) -> Sequence[Any]:
    """Return the names of metrics; older logs do not list them, so all numbers count."""
    listed = record.get("metrics")
    if isinstance(listed, list):
        return listed
    return [
        key
        for key, value in record.items()
        if key not in ("doc_id", "target") and isinstance(value, int | float)
    ]


def _scores(responses: Sequence[Any]) -> tuple[float, ...]:
    """Return the log-likelihood of each option; empty for generated texts."""
    found = []
    for response in responses:
        first = response[0] if isinstance(response, list) and response else None
        # Unfiltered responses have one more level.
        if isinstance(first, list) and first:
            first = first[0]
        # A probability of zero is written as -inf.
        score = -math.inf if first in ("-inf", -math.inf) else number_of(first)
        if score is None or len(responses) < 2:
            return ()
        found.append(score)
    return tuple(found)


def _continuations(arguments: Any) -> tuple[str, ...]:
    """Return the texts whose likelihood was asked for."""
    if isinstance(arguments, Mapping):
        pairs = [list(one.values()) for one in arguments.values() if isinstance(one, Mapping)]
    elif isinstance(arguments, list):
        pairs = [one for one in arguments if isinstance(one, list)]
    else:
        return ()
    return tuple(pair[1].strip() for pair in pairs if len(pair) > 1 and isinstance(pair[1], str))


def _options_of(
    doc: Mapping[str, Any], continuations: Sequence[str]
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the options of the document, or the texts that were scored, and the right ones.

    The right ones are empty where only the target tells them.
    """
    for key in ("mc1_targets", "mc2_targets"):
        targets = mapping_of(doc.get(key))
        texts, labels = _texts(targets.get("choices")), list_of(targets.get("labels"))
        if texts and [one.strip() for one in texts] == list(continuations):
            return texts, tuple(i for i, label in enumerate(labels) if label == 1)
    if len(set(continuations)) < len(continuations):
        # Contexts differ instead of continuations, as in Winogrande.
        pair = (doc.get("option1"), doc.get("option2"))
        if len(continuations) == 2 and all(isinstance(one, str) for one in pair):
            place = {"1": (0,), "2": (1,)}.get(str(doc.get("answer")), ())
            return (str(pair[0]), str(pair[1])), place
        return (), ()
    for key in _OPTIONS:
        found = _texts(doc.get(key))
        if len(found) > 1 and len(found) == (len(continuations) or len(found)):
            return found, ()
    return tuple(continuations), ()


def _texts(value: Any) -> tuple[str, ...]:
    """Return the texts of a list, of an object, or of the object's own list; empty for others."""
    if isinstance(value, Mapping):
        inner = value.get("text")
        value = inner if isinstance(inner, list) else list(value.values())
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    return ()


def _prompt_of(doc: Mapping[str, Any], arguments: Any) -> str:
    for key in _PROMPTS:
        if isinstance(doc.get(key), str):
            return str(doc[key])
    if isinstance(arguments, Mapping):
        first: Any = next(iter(arguments.values()), {})
        return str(first.get("arg_0", "")) if isinstance(first, Mapping) else ""
    if isinstance(arguments, list) and arguments and isinstance(arguments[0], list):
        return str(arguments[0][0]) if arguments[0] else ""
    return text_or_json(doc)


def _targets(
    target: Any, doc: Mapping[str, Any], options: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    """Return the right option by each way of reading the target that gives one."""
    letters = {letter_of(place): place for place in range(len(options))}
    text = str(target).strip()
    found = {
        "index": int(text) if text.isdecimal() and int(text) < len(options) else None,
        "text": list(options).index(text) if text in options else None,
        "letter": letters.get(text.strip("().")),
    }
    for key in ("answerKey", "answer", "label", "gold"):
        given = str(doc.get(key)).strip()
        if found.get("document") is None:
            found["document"] = letters.get(given)
    return {way: (place,) for way, place in found.items() if place is not None}


def _model(path: Path, time: str) -> str:
    """Return the model's name from the results beside the samples, else of their folder."""
    results = path.parent / f"results_{time}.json"
    if time and results.is_file():
        try:
            found = json.loads(results.read_bytes())
        except ValueError:
            found = {}
        if isinstance(found, dict) and isinstance(found.get("model_name"), str):
            return str(found["model_name"])
    return path.parent.name.replace("__", "/") if "__" in path.parent.name else ""
