"""Drafts: authored questions with the checks that reject them, kept in shards on disk.

A shard holds the drafts of consecutive passages as an exam file, and a JSON file with the counts,
which is written last. An interrupted run therefore resumes at the first shard without counts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from llmexam.authoring.item import AuthoredItem
from llmexam.authoring.records import to_item, to_question
from llmexam.errors import RunError
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.exam.question import Question
from llmexam.exam.writers import write_exam
from llmexam.storage.atomic import write_json, write_text

_KEY_FILE = "drafts.json"
_FIELDS = ("rejections", "flags")


@dataclass(frozen=True, slots=True)
class Draft:
    """An authored question and what the checks say of it.

    Attributes:
        item: The question.
        rejections: Reason of each check that rejects it, by the name of the check.
        flags: The same of the checks that only flag questions for people.
    """

    item: AuthoredItem
    rejections: Mapping[str, str]
    flags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Shard:
    """The drafts of consecutive passages.

    Attributes:
        n_passages: Number of passages.
        drafts: Their drafts, in order.
        reasons: Why passages gave fewer questions than requested, with counts.
    """

    n_passages: int
    drafts: tuple[Draft, ...]
    reasons: Mapping[str, int]


class DraftFolder:
    """A folder of shards, all written with the same settings.

    Args:
        folder: The folder, created if it is missing.
        key: Hash of everything that the drafts depend on.
        overwrite: Delete drafts that were written with another key.

    Raises:
        RunError: The folder has drafts of other settings, and `overwrite` is not set.
    """

    def __init__(self, folder: Path, key: str, *, overwrite: bool = False) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        known = _read_json(folder / _KEY_FILE)
        if known is not None and known.get("key") != key:
            # Without a shard, such as after an error of the first one, nothing would be lost.
            if not overwrite and any(folder.glob("drafts-*.json")):
                raise RunError(
                    "the folder has drafts that were written with other passages or settings",
                    file=folder,
                    hint="Choose another output, or start again with --overwrite",
                )
            known = None
        if known is None:
            # The key file is deleted first, so that an interrupt leaves no shards of two keys.
            (folder / _KEY_FILE).unlink(missing_ok=True)
            for old in folder.glob("drafts-*.json*"):
                old.unlink()
            write_json(folder / _KEY_FILE, {"key": key})

    def has(self, number: int, n_passages: int | None = None) -> bool:
        """Return whether a shard is complete.

        Args:
            number: Number of the shard.
            n_passages: Its number of passages. The last shard of a sample has fewer than the same
                shard of a larger sample, which is therefore another one.
        """
        if n_passages is None:
            return self._counts_file(number).is_file()
        counts = _read_json(self._counts_file(number))
        return counts is not None and counts.get("n_passages") == n_passages

    def write(self, number: int, shard: Shard) -> None:
        """Write a shard, atomically; an earlier shard of this number is replaced."""
        # Without counts a shard is missing, so an interrupt leaves no parts of two shards.
        self._counts_file(number).unlink(missing_ok=True)
        self._exam_file(number).unlink(missing_ok=True)
        if shard.drafts:
            write_draft_file(self._exam_file(number), shard.drafts)
        counts = {
            "n_passages": shard.n_passages,
            "n_drafts": len(shard.drafts),
            "reasons": dict(shard.reasons),
        }
        write_json(self._counts_file(number), counts)

    def read(self, number: int) -> Shard:
        """Return a shard.

        Raises:
            RunError: Its files do not belong together.
            ExamError: The file of drafts is damaged.
        """
        counts = _read_json(self._counts_file(number))
        if counts is None:
            raise RunError("the shard is missing", file=self._counts_file(number))
        drafts: tuple[Draft, ...] = ()
        if counts["n_drafts"]:
            drafts = read_draft_file(self._exam_file(number))
        if len(drafts) != counts["n_drafts"]:
            raise RunError(
                f"expected {counts['n_drafts']} drafts, got {len(drafts)}",
                file=self._exam_file(number),
                hint="Start again with --overwrite",
            )
        return Shard(counts["n_passages"], drafts, Counter(counts["reasons"]))

    def shards(self) -> Iterator[Shard]:
        """Yield the complete shards from the first one to the first that is missing."""
        number = 0
        while self.has(number):
            yield self.read(number)
            number += 1

    def _exam_file(self, number: int) -> Path:
        return self._folder / f"drafts-{number:05}.jsonl"

    def _counts_file(self, number: int) -> Path:
        return self._folder / f"drafts-{number:05}.json"


def write_draft_file(path: Path, drafts: Sequence[Draft]) -> None:
    """Write drafts to a file of questions; it is empty without any."""
    if drafts:
        write_exam(path, Exam(tuple(map(_to_question, drafts))), format="jsonl")
    else:
        write_text(path, "")


def read_draft_file(path: Path) -> tuple[Draft, ...]:
    """Return the drafts of a file, which has at least one.

    Raises:
        ExamError: The file is damaged.
    """
    exam = read_exam(path, format="jsonl", keep_labels=True)
    return tuple(_to_draft(question) for question in exam)


def _to_question(draft: Draft) -> Question:
    question = to_question(draft.item)
    notes = {
        name: json.dumps(dict(reasons), ensure_ascii=False)
        for name in _FIELDS
        if (reasons := getattr(draft, name))
    }
    return replace(question, metadata={**question.metadata, **notes})


def _to_draft(question: Question) -> Draft:
    metadata = dict(question.metadata)
    rejections, flags = (json.loads(metadata.pop(name, "{}")) for name in _FIELDS)
    return Draft(to_item(replace(question, metadata=metadata)), rejections, flags)


def _read_json(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise RunError(
            "the file is damaged", file=path, hint="Start again with --overwrite"
        ) from None
    return value
