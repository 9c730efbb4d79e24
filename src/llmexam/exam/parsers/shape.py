"""Record shapes: which fields of a record hold the question, its options and its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llmexam.errors import ExamError, nearest
from llmexam.exam.parsers import naming
from llmexam.exam.parsers.naming import Names, folded
from llmexam.exam.parsers.option_sources import OptionSource, find_options
from llmexam.exam.parsers.rows import Record
from llmexam.exam.parsers.unfolding import Unfold


@dataclass(frozen=True)
class Shape:
    """A record shape of a public data set.

    Names are compared without case, spaces and underscores.

    Attributes:
        name: Its name, for `--format`.
        summary: One-line description.
        needs: Fields that tell it from others; `a|b` for alternatives.
        prompt: Fields of the question text, by preference.
        options: Fields of a list of options, by preference.
        columns: Columns of the options, if they are not A, B, ... or a numbered series.
        fixed: Options that all questions have.
        answer: Fields of the answer, by preference.
        base: Number of the first option in an answer that is an index, if it is documented.
        json_base: The same for JSON, if it differs from that of tables.
        passages: Fields with one passage each.
        contexts: Fields with a text of several passages.
        labelled: Whether options must be objects with labels.
        unfold: Brings a record into flat records.
        joins_rows: Whether there is one row per option.
    """

    name: str
    summary: str
    needs: tuple[str, ...] = ()
    prompt: tuple[str, ...] = naming.PROMPTS
    options: tuple[str, ...] = naming.OPTION_LISTS
    columns: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    answer: tuple[str, ...] = naming.ANSWERS
    base: int | None = None
    json_base: int | None = None
    passages: tuple[str, ...] = naming.PASSAGES
    contexts: tuple[str, ...] = naming.CONTEXTS
    labelled: bool = False
    unfold: Unfold | None = None
    joins_rows: bool = False

    def missing(self, names: Names) -> list[str]:
        """Return the fields that this shape needs and the file lacks."""
        return [
            need.partition("|")[0]
            for need in self.needs
            if names.first(map(folded, need.split("|"))) is None
        ]


@dataclass(frozen=True)
class Layout:
    """How the fields of one file are read.

    Attributes:
        shape: The shape that was recognised.
        prompt: Fields of the question text, joined by line breaks.
        source: Where the options are.
        answer: Field of the answer, or None.
        id: Field of the id, or None.
        passages: Fields of passages, each with whether its text holds several.
        used: All of these fields, which do not become metadata.
        drops_blanks: Whether blank values are left out of the metadata.
        other_answers: Fields that hold the answer where that of the answer is blank, as the shape
            documents.
    """

    shape: Shape
    prompt: tuple[str, ...]
    source: OptionSource
    answer: str | None
    id: str | None
    passages: tuple[tuple[str, bool], ...]
    used: frozenset[str]
    drops_blanks: bool = False
    other_answers: tuple[str, ...] = ()

    def is_part_of(self, other: Layout) -> bool:
        """Return whether another layout reads the same fields as parts of a question, and more."""
        n = len(self.source.columns)
        return (
            other.prompt == self.prompt
            and other.source.columns[:n] == self.source.columns
            and self.answer in (None, other.answer)
            and self.id in (None, other.id)
            and {*self.passages} <= {*other.passages}
        )


class MissingFieldError(ExamError):
    """A file lacks fields of a shape.

    Attributes:
        names: The fields.
        n_found: How many of the shape's parts were found.
    """

    def __init__(self, message: str, names: Sequence[str], n_found: float) -> None:
        super().__init__(message, field=names[0] if names else None)
        self.names = tuple(names)
        self.n_found = n_found


def split_fields(
    fields: Mapping[str, str | Sequence[str]], names: Names
) -> dict[str, tuple[str, ...]]:
    """Return the columns of each mapped field; several are separated by commas.

    Raises:
        ExamError: A column is unknown.
    """
    found = {}
    for target, given in fields.items():
        if target == "records":
            continue
        if isinstance(given, str):
            given = [given] if given in names.actual else given.split(",")
        columns = tuple(map(str.strip, given))
        for column in columns:
            if column not in names.actual and column.partition(".")[0] not in names.actual:
                raise ExamError(
                    f"there is no field '{column}'; found: {', '.join(names.actual) or 'nothing'}",
                    field=target,
                    hint=nearest(column, names.actual),
                )
        found[target] = columns
    return found


def bind(
    shape: Shape,
    names: Names,
    sample: Sequence[Record],
    fields: Mapping[str, tuple[str, ...]],
) -> Layout:
    """Return how a file of this shape is read.

    Args:
        shape: The shape.
        names: Names of the file's fields.
        sample: Its first records.
        fields: Columns that the user mapped.

    Raises:
        MissingFieldError: The file lacks fields of this shape.
        ExamError: The file has options that cannot be told.
    """
    given = {folded(name) for columns in fields.values() for name in columns}
    is_mapped = "prompt" in fields and bool(fields.keys() & {"options", "distractors"})
    missing = [need for need in shape.missing(names) if folded(need) not in given]
    missing = [] if is_mapped else missing
    prompt = fields.get("prompt") or _as_tuple(names.first(shape.prompt))
    if not prompt and "prompt" not in missing:
        missing.append("prompt")
    # Options can be searched for in texts, which takes long for shapes that cannot fit.
    source = None if missing else find_options(shape, names, sample, fields, prompt)
    if source is None and not missing:
        missing.append("options")
    if missing or source is None:
        # A shape that lacks only the options is nearer than one that lacks a field of its own.
        lacks_options = missing == ["options"]
        share = 1 - (len(missing) - 0.1 * lacks_options) / (len(shape.needs) + 2)
        raise MissingFieldError(f"column '{missing[0]}' is missing", missing, share)
    taken = {*prompt, *source.columns}
    answer = fields.get("answer", (None,))[0]
    if answer is None and not source.is_answered:
        answer = names.first(shape.answer, without=taken)
    others: tuple[str, ...] = ()
    if answer is not None:
        taken.add(answer)
        if "answer" not in fields and shape.answer is not naming.ANSWERS:
            found = [name for name in map(names.find, shape.answer) if name]
            others = tuple(name for name in found if name not in taken)
    own_id = fields.get("id", (names.first(naming.IDS, without=taken),))[0]
    if own_id is not None:
        taken.add(own_id)
    passages = _find_passages(shape, names, fields, taken)
    taken |= {name for name, _ in passages}
    return Layout(
        shape, prompt, source, answer, own_id, passages, frozenset(taken), other_answers=others
    )


def _as_tuple(name: str | None) -> tuple[str, ...]:
    return () if name is None else (name,)


def _find_passages(
    shape: Shape, names: Names, fields: Mapping[str, tuple[str, ...]], taken: set[str]
) -> tuple[tuple[str, bool], ...]:
    if "passages" in fields or "context" in fields:
        whole = [(name, False) for name in fields.get("passages", ())]
        return (*whole, *((name, True) for name in fields.get("context", ())))
    whole = [(name, False) for name in map(names.find, shape.passages) if name]
    several = [(name, True) for name in map(names.find, shape.contexts) if name]
    return tuple((name, split) for name, split in (*whole, *several) if name not in taken)
