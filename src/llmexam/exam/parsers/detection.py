"""Recognition of the shape of records, and what to do if none fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from llmexam.errors import ExamError
from llmexam.exam.parsers.long_rows import join_rows
from llmexam.exam.parsers.naming import Names
from llmexam.exam.parsers.rows import Record, Row
from llmexam.exam.parsers.shape import Layout, MissingFieldError, Shape, bind, split_fields
from llmexam.exam.parsers.shapes import SHAPES
from llmexam.exam.parsers.unfolding import flat

_MOST_NAMED = 20
_FIELD_HINT = "--field prompt=COLUMN --field options=A,B,C,D --field answer=COLUMN"


def names_of(sample: Sequence[Record], columns: Sequence[str] = ()) -> Names:
    """Return the names of the fields of some records."""
    return Names([*columns, *(name for record in sample for name in record)])


def choose_layout(
    sample: Sequence[Record],
    *,
    format: str | None,
    fields: Mapping[str, str | Sequence[str]],
) -> tuple[Layout, bool]:
    """Return how the records of a file are read.

    Args:
        sample: The first records, flat.
        format: Name of a shape, if the user gave one.
        fields: Columns that the user mapped.

    Raises:
        ExamError: No shape fits; it names the nearest one, and what is missing.
    """
    tried: list[tuple[float, Shape, MissingFieldError]] = []
    shapes = [SHAPES[format]] if format is not None else list(SHAPES.values())
    if format is None and "prompt" in fields and fields.keys() & {"options", "distractors"}:
        # The conventions of known shapes say nothing about columns that the user chose.
        shapes = [SHAPES["fields"]]
    for shape in shapes:
        try:
            return _bound(shape, sample, fields)
        except MissingFieldError as error:
            tried.append((error.n_found, shape, error))
    _, nearest_shape, why = max(tried, key=lambda one: one[0])
    raise _no_shape(nearest_shape, why, names_of(sample), is_chosen=format is not None)


def _bound(
    shape: Shape, sample: Sequence[Record], fields: Mapping[str, str | Sequence[str]]
) -> tuple[Layout, bool]:
    names = names_of(sample)
    is_mapped = bool(fields.keys() & {"prompt", "options", "answer", "distractors"})
    if shape.unfold is None and not shape.joins_rows:
        return bind(shape, names, sample, split_fields(fields, names)), False
    missing = shape.missing(names)
    if missing or is_mapped:
        share = 0.0 if is_mapped else 1 - len(missing) / (len(shape.needs) + 1)
        missing = missing or ["prompt"]
        raise MissingFieldError(f"column '{missing[0]}' is missing", missing, share)
    unfolded = unfold_all(shape, sample)
    if not unfolded:
        # The first records are faulty; the errors say why.
        unfolded = [{"prompt": "", "options": [], "answer": None}]
    own = names_of(unfolded)
    plain = Shape(
        shape.name,
        shape.summary,
        prompt=shape.prompt,
        options=shape.options,
        answer=shape.answer,
        passages=shape.passages,
        base=shape.base,
    )
    return bind(plain, own, unfolded, split_fields(fields, own)), True


def unfold_all(shape: Shape, sample: Sequence[Record]) -> list[Record]:
    """Return the flat records in some records; those that cannot be unfolded are left out."""
    found: list[Record] = []
    if shape.joins_rows:
        joined = (one for _, one in join_rows(enumerate(sample, 1)))
        return [one for one in joined if not isinstance(one, ExamError)]
    assert shape.unfold is not None
    for record in sample:
        try:
            found += map(flat, shape.unfold(record))
        except (ExamError, KeyError, TypeError, IndexError):
            continue
    return found


def unfolded(layout: Layout, rows: Iterator[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
    """Yield the flat records in the rows of a file that nests questions or has a row per option.

    Args:
        layout: How the file is read.
        rows: Its rows, flat, with their numbers.
    """
    shape = SHAPES[layout.shape.name]
    if shape.unfold is None:
        yield from join_rows(rows)
        return
    # Several questions of one record have rows of their own, so that ids stay distinct.
    number = 0
    for _, record in rows:
        if isinstance(record, ExamError):
            number += 1
            yield number, record
            continue
        try:
            for one in shape.unfold(record):
                number += 1
                yield number, flat(one)
        except ExamError as error:
            number += 1
            yield number, error
        except (KeyError, TypeError, IndexError):
            number += 1
            yield number, ExamError(f"is no record of the format {shape.name}")


def _no_shape(
    shape: Shape, error: MissingFieldError, names: Names, *, is_chosen: bool
) -> ExamError:
    found = ", ".join(islice(names.actual, _MOST_NAMED)) or "nothing"
    more = len(names.actual) - _MOST_NAMED
    found += f" and {more} more" if more > 0 else ""
    missing = ", ".join(f"'{name}'" for name in error.names)
    is_one = len(error.names) == 1
    what = f"column {missing} is missing" if is_one else f"columns {missing} are missing"
    start = "" if is_chosen else "cannot detect the exam format; the nearest is "
    if not is_chosen and shape.needs and len(shape.missing(names)) == len(shape.needs):
        return ExamError(
            "cannot detect the exam format: no question and options were recognised; found: "
            f"{found}",
            field="prompt",
            hint=f"Map the columns, such as {_FIELD_HINT}",
        )
    return ExamError(
        f"{start}{shape.name} ({shape.summary}): {what}; found: {found}",
        field=error.names[0],
        hint=f"Map the columns, such as {_FIELD_HINT}",
    )
