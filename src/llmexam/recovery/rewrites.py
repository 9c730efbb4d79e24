"""The items of prompt recovery: a text, what a model made of it, and the prompt that was used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from llmexam.errors import ExamError
from llmexam.storage.hashing import hash_json


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One text before and after a language model rewrote it.

    Attributes:
        id: Its id, unique in its file.
        original: The text before.
        rewritten: The text after.
        prompt: The prompt that the model was given; None if it is not known.
        metadata: Other columns of the file, such as `source`.
    """

    id: str
    original: str
    rewritten: str
    prompt: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RewriteExam:
    """An ordered set of rewrites with unique ids.

    Attributes:
        rows: The rewrites.
        source: The file they were read from, or a name for it.
        format: Format of that file.
        source_hash: SHA-256 of that file's bytes, or empty.
    """

    rows: tuple[Rewrite, ...]
    source: str = ""
    format: str = "csv"
    source_hash: str = ""

    def __post_init__(self) -> None:
        first: dict[str, int] = {}
        for number, row in enumerate(self.rows, 1):
            earlier = first.setdefault(row.id, number)
            if earlier != number:
                raise ExamError(
                    f"duplicate id '{row.id}', first used in row {earlier}",
                    file=self.source or None,
                    row=number,
                    field="id",
                    hint="Give every row a unique id",
                )

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Rewrite]:
        return iter(self.rows)

    def __getitem__(self, index: int) -> Rewrite:
        return self.rows[index]

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids, in order."""
        return tuple(row.id for row in self.rows)

    @property
    def originals(self) -> list[str]:
        """The texts before, in order."""
        return [row.original for row in self.rows]

    @property
    def rewrittens(self) -> list[str]:
        """The texts after, in order."""
        return [row.rewritten for row in self.rows]

    @property
    def prompts(self) -> list[str]:
        """The prompts, in order.

        Raises:
            ExamError: The prompt of a row is not known.
        """
        for number, row in enumerate(self.rows, 1):
            if row.prompt is None:
                raise ExamError(
                    "the prompt of this row is not known",
                    file=self.source or None,
                    row=number,
                    field="rewrite_prompt",
                    hint="Give rows with a rewrite_prompt, or use a recoverer that needs none",
                )
        return [row.prompt or "" for row in self.rows]

    @property
    def is_labelled(self) -> bool:
        """Whether the prompts of all rows are known (an empty exam has none)."""
        return bool(self.rows) and all(row.prompt is not None for row in self.rows)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of ids, texts and prompts."""
        return hash_json([[row.id, row.original, row.rewritten, row.prompt] for row in self.rows])

    @cached_property
    def training_hash(self) -> str:
        """SHA-256 of all that a recoverer may learn from: `content_hash` and other columns."""
        return hash_json([self.content_hash, [dict(row.metadata) for row in self.rows]])

    @cached_property
    def pairs_hash(self) -> str:
        """SHA-256 of what a recoverer sees: the texts without ids and prompts."""
        return hash_json([[row.original, row.rewritten] for row in self.rows])

    def subset(self, indices: Sequence[int]) -> RewriteExam:
        """Return the rows with these indices, in this order."""
        return replace(self, rows=tuple(self.rows[int(i)] for i in indices))

    def without_prompts(self) -> RewriteExam:
        """Return the rows as a recoverer sees them: without prompts and other columns."""
        rows = (replace(row, prompt=None, metadata={}) for row in self.rows)
        return replace(self, rows=tuple(rows))


def join(exams: Sequence[RewriteExam]) -> RewriteExam:
    """Return the rows of several files as one; ids get the number of their file if they repeat."""
    ids = [row.id for exam in exams for row in exam]
    rows = []
    repeats = len(set(ids)) < len(ids)
    for number, exam in enumerate(exams, 1):
        rows += [replace(row, id=f"{number}:{row.id}") if repeats else row for row in exam]
    return RewriteExam(
        tuple(rows),
        source=", ".join(exam.source for exam in exams),
        source_hash=hash_json([exam.source_hash for exam in exams]),
    )
