"""Question sets that can be labelled: those that the command names, and those of the workspace."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from llmexam.authoring.labelling.desk import Desk
from llmexam.errors import ExamError, NotFoundError
from llmexam.exam.exam import Exam
from llmexam.exam.loading import load_exam
from llmexam.storage.hashing import hash_json
from llmexam.storage.key_locks import KeyLocks
from llmexam.workflows.browse.workspace import Workspace
from llmexam.workflows.trial.files import files_in

_ENDING = ".labels.jsonl"
_LEFT_OUT = ("evidence.jsonl", "corpus.jsonl")
_FIRST_LINE = 256 * 1024
_MOST = 200
# A set takes several times its size in memory.
_MOST_BYTES = 32 * 1024 * 1024
_SECONDS = 10.0
_MOST_DESKS = 8


@dataclass(frozen=True)
class LabelSet:
    """A question set and the file of its labels.

    Attributes:
        name: What it is called on pages: its path in the folder, or the name of its file.
        questions: The file of the questions.
        labels: The file that labels are appended to; it need not exist.
        blind: Whether labellers answer a question before its key is shown.
    """

    name: str
    questions: Path
    labels: Path
    blind: bool = False

    @property
    def key(self) -> str:
        """Its part of addresses."""
        return hash_json([self.name, str(self.questions)])[:10]


class LabelSets:
    """The question sets that can be labelled.

    The questions of a few sets, those used last, are kept in memory. Larger sets of the folder
    are left out; the command can name them.

    Args:
        given: Sets that the command names.
        workspace: The folder whose question sets can be labelled, too; None for no others.
        blind: Whether labellers of those answer a question before its key is shown.
    """

    def __init__(
        self,
        given: Sequence[LabelSet] = (),
        workspace: Workspace | None = None,
        *,
        blind: bool = False,
    ) -> None:
        self._given = tuple(given)
        self._workspace = workspace
        self._blind = blind
        self._lock = threading.Lock()
        self._found: tuple[float, tuple[LabelSet, ...]] | None = None
        self._loading: KeyLocks[str] = KeyLocks()
        # With what their files were when they were read, the one used last at the end.
        self._desks: OrderedDict[str, tuple[tuple[int, int], Desk]] = OrderedDict()
        # Questions that have no file to be read from again.
        self._in_memory: dict[str, Desk] = {}

    @classmethod
    def of_exam(cls, found: LabelSet, exam: Exam) -> LabelSets:
        """Return one set whose questions were read already.

        Raises:
            ExamError: The labels cannot be read, or are of other questions.
        """
        made = cls([found])
        made._in_memory[found.key] = Desk(exam, found.labels, blind=found.blind)
        return made

    def all(self) -> tuple[LabelSet, ...]:
        """Return all sets; the folder is looked through every few seconds."""
        with self._lock:
            now = time.monotonic()
            if self._found is None or now - self._found[0] > _SECONDS:
                self._found = (now, (*self._given, *self._in_workspace()))
            return self._found[1]

    def find(self, key: str) -> LabelSet:
        """Return a set by its part of an address.

        Raises:
            NotFoundError: There is none.
        """
        for one in self.all():
            if one.key == key:
                return one
        raise NotFoundError("there is no such question set", hint="Choose one of the list")

    def desk(self, found: LabelSet) -> Desk:
        """Return the questions and labels of a set; the questions are read again when changed.

        Raises:
            ExamError: The questions or the labels cannot be read.
        """
        kept = self.opened(found)
        if kept is not None:
            return kept
        if found not in self._given and found.labels.is_symlink():
            raise ExamError("expected a file of labels, got a link", file=found.labels)
        # All requests share one desk, and a large set is not read by each of several at once.
        with self._loading.hold(found.key):
            kept = self.opened(found)
            if kept is not None:
                return kept
            stamp = _stamp(found.questions)
            desk = Desk(load_exam(found.questions), found.labels, blind=found.blind)
            with self._lock:
                self._desks[found.key] = (stamp, desk)
                self._desks.move_to_end(found.key)
                while len(self._desks) > _MOST_DESKS:
                    self._desks.popitem(last=False)
            return desk

    def opened(self, found: LabelSet) -> Desk | None:
        """Return the questions and labels of a set if they are in memory and unchanged, else None.

        Raises:
            ExamError: The file of the questions is gone.
        """
        if found.key in self._in_memory:
            return self._in_memory[found.key]
        stamp = _stamp(found.questions)
        with self._lock:
            kept = self._desks.get(found.key)
            if kept is None or kept[0] != stamp:
                return None
            self._desks.move_to_end(found.key)
            return kept[1]

    def _in_workspace(self) -> Iterator[LabelSet]:
        if self._workspace is None:
            return
        named = {one.questions.resolve() for one in self._given}
        n_found = 0
        for path in files_in(self._workspace):
            if path in named or n_found >= _MOST or not _is_question_set(path):
                continue
            labels = path.with_name(f"{path.stem}{_ENDING}")
            # Nothing outside the folder is read or written.
            if labels.is_symlink():
                continue
            n_found += 1
            yield LabelSet(self._workspace.name(path), path, labels, self._blind)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise ExamError(f"cannot be read: {error.strerror}", file=path) from None
    return (status.st_mtime_ns, status.st_size)


def _is_question_set(path: Path) -> bool:
    """Return whether a file is not too large, and its first line a question with options."""
    if path.suffix != ".jsonl" or path.name.endswith(_ENDING) or path.name in _LEFT_OUT:
        return False
    try:
        if path.stat().st_size > _MOST_BYTES:
            return False
        with path.open("rb") as stream:
            first = orjson.loads(stream.readline(_FIRST_LINE))
    except (OSError, ValueError):
        return False
    return isinstance(first, dict) and "prompt" in first and isinstance(first.get("options"), list)
