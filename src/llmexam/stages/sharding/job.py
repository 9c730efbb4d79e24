"""A job as data: a function by its import path, JSON settings, and shards with files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from llmexam.stages.code import code_hash
from llmexam.stages.versions import installed_versions
from llmexam.storage.hashing import hash_json

Work = Callable[[bytes, Path], Mapping[str, Any]]
"""Computes one shard: takes the input, writes the output file, and returns counts as JSON values.

The output must depend on the input and the settings of the job only, and be written atomically."""


@dataclass(frozen=True)
class Job:
    """What is done to every shard.

    Attributes:
        name: What messages call it, such as `scores of lexical`.
        opener: `module:function`. The function takes the settings and returns a `Work`; each
            worker calls it once for the job, so that a model is loaded once.
        settings: Settings as JSON values. Paths must be absolute.
        folder: Folder of the shards, which all workers must be able to read and write.
        depends_on: Further values that the outputs depend on, such as hashes of weights.
        modules: Modules that the outputs depend on, in addition to that of the opener.
        unit: What a row is called in messages, in the plural.
    """

    name: str
    opener: str
    settings: Mapping[str, Any]
    folder: Path
    depends_on: Any = None
    modules: Sequence[str] = ()
    unit: str = "rows"

    @property
    def code(self) -> str:
        """Hash of the code that the outputs depend on."""
        return code_hash(self.opener.partition(":")[0], *self.modules)

    @cached_property
    def key(self) -> str:
        """Hash of everything that the outputs depend on, except the inputs of the shards."""
        return hash_json(
            [
                self.opener,
                dict(self.settings),
                self.depends_on,
                self.code,
                installed_versions(),
            ]
        )


@dataclass(frozen=True)
class Shard:
    """Consecutive rows of the input.

    Attributes:
        number: Its place, from 0.
        first: Its first row, from 1.
        n_rows: How many rows it has.
        content: The input, as the `Work` reads it.
        output: The file that is written.
    """

    number: int
    first: int
    n_rows: int
    content: bytes
    output: Path

    def describe(self, unit: str) -> str:
        """Return the shard as it is called in messages, counted from 1.

        >>> Shard(1, 257, 256, b"", Path("x")).describe("questions")
        'shard 2 (questions 257 to 512)'
        """
        return (
            f"shard {self.number + 1} ({unit} {self.first:,} to {self.first + self.n_rows - 1:,})"
        )


@dataclass(frozen=True)
class Finished:
    """A shard whose output is complete.

    Attributes:
        shard: The shard.
        counts: What its `Work` returned.
        reused: Whether an earlier call had computed it.
    """

    shard: Shard
    counts: Mapping[str, Any] = field(default_factory=dict)
    reused: bool = False


def shards_of(
    rows: Sequence[Any],
    size: int,
    pack: Callable[[Sequence[Any]], bytes],
    folder: Path,
    suffix: str,
) -> Iterator[Shard]:
    """Yield shards of consecutive rows.

    Args:
        rows: The rows.
        size: Rows of a shard; the last one may have fewer.
        pack: Returns rows as the input of a shard.
        folder: Where the outputs are written.
        suffix: Suffix of the outputs, such as `.json`.
    """
    for number, start in enumerate(range(0, len(rows), size)):
        part = rows[start : start + size]
        yield Shard(number, start + 1, len(part), pack(part), folder / f"{number:06}{suffix}")
