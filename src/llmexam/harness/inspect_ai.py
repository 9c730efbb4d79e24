"""Logs of inspect_ai: `.eval` archives and JSON."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmexam.errors import ExamError
from llmexam.exam.letters import letter_of
from llmexam.exam.parsers.zip_damage import ZIP_DAMAGE
from llmexam.harness.fields import mapping_of, number_of, text_or_json
from llmexam.harness.log import HarnessLog, LoggedAnswer
from llmexam.solvers.served.answers import parse_answer

NAME = "inspect_ai"
# A sample of an agent may be long; more than this is no sample of an exam.
_MOST_BYTES = 256_000_000
_MARKS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
_ATTACHMENT = "attachment://"
_LETTERS = re.compile(r"\s*[A-Z](\s*,?\s*[A-Z])*\s*")


def looks_like(record: Mapping[str, Any]) -> bool:
    """Return whether a JSON object is a log of this harness."""
    return isinstance(record.get("eval"), Mapping) and "status" in record


def read_json(path: Path, record: Mapping[str, Any]) -> HarnessLog:
    """Return a log that was written as JSON.

    Raises:
        ExamError: It has no samples.
    """
    samples = record.get("samples")
    return _log(path, record["eval"], samples if isinstance(samples, list) else [])


def read_archive(path: Path) -> HarnessLog:
    """Return a log that was written as an `.eval` archive.

    Raises:
        ExamError: The archive is damaged, or has no samples.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [one for one in archive.namelist() if one.startswith("samples/")]
            start = "header.json" if "header.json" in archive.namelist() else "_journal/start.json"
            header = _member(archive, start, path)
            return _log(path, header.get("eval", {}), (_member(archive, n, path) for n in names))
    except ZIP_DAMAGE as error:
        raise ExamError(
            f"cannot read the archive: {error}",
            file=path,
            hint="Write the log again: inspect log convert FILE --to json --output-dir FOLDER",
        ) from None


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> dict[str, Any]:
    size = archive.getinfo(name).file_size
    if size > _MOST_BYTES:
        raise ExamError(
            f"{name} has {size:,} bytes, more than {_MOST_BYTES:,}",
            file=path,
            hint="Is this a log of an exam? Write it without events",
        )
    with archive.open(name) as stream:
        # The size in the archive may be false, so it is counted.
        data = stream.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ExamError(f"{name} has more than {_MOST_BYTES:,} bytes", file=path)
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise ExamError(f"{name} is not JSON", file=path) from None
    if not isinstance(found, dict):
        raise ExamError(f"{name}: expected an object", file=path)
    return found


def _log(path: Path, header: Any, samples: Any) -> HarnessLog:
    header = header if isinstance(header, Mapping) else {}
    answers: dict[str, LoggedAnswer] = {}
    values: dict[str, list[Mapping[str, float]]] = {}
    failed = repeated = 0
    for number, sample in enumerate(samples, 1):
        if not isinstance(sample, Mapping) or "id" not in sample:
            raise ExamError("expected a sample with an id", file=path, row=number)
        if sample.get("error"):
            failed += 1
            continue
        one = _answer(sample)
        values.setdefault(one.id, []).append(one.values)
        if one.id in answers:
            repeated += 1
        else:
            answers[one.id] = one
    if not answers:
        raise ExamError(
            "the log has no samples",
            file=path,
            hint="Give a log that was written with samples (`log_samples`)",
        )
    notes = []
    if failed:
        notes.append(f"{failed} samples ended in an error and are left out")
    if repeated:
        notes.append("values are means over epochs; rankings are those of the first of them")
    return HarnessLog(
        path=path,
        harness=NAME,
        model=str(header.get("model", "")),
        task=str(header.get("task", "")),
        answers=tuple(_with_means(one, values[one.id]) for one in answers.values()),
        notes=tuple(notes),
    )


def _with_means(answer: LoggedAnswer, values: list[Mapping[str, float]]) -> LoggedAnswer:
    if len(values) == 1:
        return answer
    names = [name for name in values[0] if all(name in one for one in values)]
    return replace(
        answer, values={name: sum(one[name] for one in values) / len(values) for name in names}
    )


def _answer(sample: Mapping[str, Any]) -> LoggedAnswer:
    attachments = mapping_of(sample.get("attachments"))
    choices = sample.get("choices")
    options = tuple(map(str, choices)) if isinstance(choices, list) else ()
    letters = {letter_of(place): place for place in range(len(options))}
    target = sample.get("target")
    targets = target if isinstance(target, list) else [target]
    scores = mapping_of(sample.get("scores"))
    said = next(
        (
            str(one["answer"])
            for one in scores.values()
            if isinstance(one, Mapping) and one.get("answer")
        ),
        "",
    )
    if _LETTERS.fullmatch(said):
        ranking = tuple(dict.fromkeys(letters[one] for one in said if one in letters))
    else:
        # Scorers of free texts log what the model wrote.
        ranking = parse_answer(said, options).order if options and said else ()
    return LoggedAnswer(
        id=str(sample["id"]),
        prompt=_text(sample.get("input"), attachments),
        options=options,
        right=tuple(sorted({letters[str(one)] for one in targets if str(one) in letters})),
        ranking=ranking,
        values=dict(_values(scores)),
        reply=_text(mapping_of(sample.get("output")).get("completion", ""), attachments),
        metadata={
            str(key): str(value)
            for key, value in mapping_of(sample.get("metadata")).items()
            if isinstance(value, str | int | float)
        },
    )


def _values(scores: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, score in scores.items():
        value = score.get("value") if isinstance(score, Mapping) else score
        parts = value if isinstance(value, Mapping) else {"": value}
        for part, own in parts.items():
            number = _MARKS.get(own) if isinstance(own, str) else None
            number = number_of(own) if number is None else number
            if number is not None:
                yield f"{name}/{part}" if part else str(name), number


def _text(value: Any, attachments: Mapping[str, Any]) -> str:
    """Return a text, the last message of the user, or what either of them refers to."""
    if isinstance(value, list):
        messages = [one for one in value if isinstance(one, Mapping)]
        asked = [one for one in messages if one.get("role") == "user"] or messages
        value = asked[-1].get("content", "") if asked else ""
        if isinstance(value, list):
            parts = [one.get("text", "") for one in value if isinstance(one, Mapping)]
            value = "\n".join(str(part) for part in parts if part)
    text = "" if value is None else text_or_json(value)
    if text.startswith(_ATTACHMENT):
        return str(attachments.get(text.removeprefix(_ATTACHMENT), text))
    return text
