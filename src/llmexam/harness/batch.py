"""Output files of OpenAI's batch endpoint: one JSON line for each request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from llmexam.errors import ExamError
from llmexam.harness.log import HarnessLog, LoggedAnswer

NAME = "OpenAI batch"


def looks_like(record: Mapping[str, Any]) -> bool:
    """Return whether a JSON line is one of a batch's output."""
    return "custom_id" in record and ("response" in record or "error" in record)


def read(path: Path, records: Iterable[tuple[int, Mapping[str, Any]]]) -> HarnessLog:
    """Return the replies of a batch; `custom_id` is the id of the question.

    Requests that failed are left out and counted.

    Raises:
        ExamError: A line is not one of a batch's output, or an id is used twice.
    """
    answers: dict[str, LoggedAnswer] = {}
    failed = 0
    model = ""
    for line, record in records:
        if not looks_like(record):
            raise ExamError(
                "expected custom_id and response", file=path, row=line, field="custom_id"
            )
        response = record.get("response") or {}
        body = response.get("body") if isinstance(response, Mapping) else None
        reply = _reply(body)
        if reply is None or record.get("error"):
            failed += 1
            continue
        model = model or str(body.get("model", "")) if isinstance(body, Mapping) else model
        name = str(record["custom_id"])
        if name in answers:
            raise ExamError(f"duplicate custom_id '{name}'", file=path, row=line, field="custom_id")
        answers[name] = LoggedAnswer(id=name, reply=reply)
    notes = (f"{failed} requests failed and are left out",) if failed else ()
    return HarnessLog(path, NAME, model, "", tuple(answers.values()), notes)


def _reply(body: Any) -> str | None:
    """Return the text of the first choice, or None where there is none."""
    choices = body.get("choices") if isinstance(body, Mapping) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, Mapping) else None
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else None
