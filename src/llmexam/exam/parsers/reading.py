"""Read exams: any record shape in any container, one file or several."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice
from operator import itemgetter

import numpy as np

from llmexam.errors import ExamError, nearest
from llmexam.exam.exam import Exam
from llmexam.exam.parsers.answers import settle
from llmexam.exam.parsers.bulk import MIN_BYTES, read_bulk
from llmexam.exam.parsers.containers import open_rows
from llmexam.exam.parsers.detection import choose_layout, names_of, unfolded
from llmexam.exam.parsers.documents import DOCUMENTS, ExamFormat, document_of
from llmexam.exam.parsers.drafting import Draft, draft
from llmexam.exam.parsers.faults import listed, named, with_distinct_ids
from llmexam.exam.parsers.files import ExamPath, exam_files, left_out, short_names
from llmexam.exam.parsers.late_fields import LateFields
from llmexam.exam.parsers.naming import PROMPTS
from llmexam.exam.parsers.options import ReadOptions
from llmexam.exam.parsers.rows import Record, Row, Rows
from llmexam.exam.parsers.rows_read import RowsRead, join_files
from llmexam.exam.parsers.shape import Layout
from llmexam.exam.parsers.shapes import SHAPES
from llmexam.exam.parsers.source import SourceFile
from llmexam.exam.parsers.unfolding import flat
from llmexam.exam.question import Question

_LOG = logging.getLogger("llmexam.exam.reading")
_N_LOOKED_AT = 100
_MOST_NAMED = 10


def read_exam(
    path: ExamPath,
    *,
    format: str | None = None,
    fields: Mapping[str, str | Sequence[str]] | None = None,
    answer_base: str | int | None = None,
    on_faulty: str = "fail",
    limit: int | None = None,
    sample: int | None = None,
    seed: int = 0,
    encoding: str | None = None,
    keep_labels: bool = False,
) -> Exam:
    """Read an exam from a file, or from several files as one exam.

    The ids of an exam of several files start with the name of the file, and its path is the
    metadata `file`.

    Args:
        path: A file, `bundled` for the sample exam, `-` for standard input, a folder, a pattern
            such as `exams/*.csv`, or a list of files.
        format: A key of `FORMATS`; None detects the format.
        fields: Columns by field, such as `{"prompt": "Question", "options": "A,B,C,D"}`. The
            fields are prompt, options, answer, distractors, passages, context, id and records.
        answer_base: What an answer is: `0` or `1` for an index that counts from it, `text` for
            the text of an option; None infers it from the whole file.
        on_faulty: `fail` raises an error that lists the faulty rows; `skip` leaves them out and
            counts them in `Exam.n_skipped`.
        limit: Number of questions to read, from the first.
        sample: Number of questions to draw at random; they stay in order.
        seed: Random seed of the sample.
        encoding: Encoding of text files; recognised by default.
        keep_labels: Keep labels such as "A)" in the options; by default they are removed if all
            options of a question have them in order.

    Raises:
        ExamError: A file or a record is invalid; names file, row and field.
    """
    options = ReadOptions.checked(
        format=format,
        fields=fields or {},
        answer_base=answer_base,
        on_faulty=on_faulty,
        limit=limit,
        sample=sample,
        seed=seed,
        encoding=encoding,
        keep_labels=keep_labels,
    )
    return read_exam_with(path, options)


def read_exam_with(path: ExamPath, options: ReadOptions) -> Exam:
    """Read an exam as `read_exam` does.

    Raises:
        ExamError: A file or a record is invalid.
    """
    with _without_collection():
        return _read_whole(path, options)


def _read_whole(path: ExamPath, options: ReadOptions) -> Exam:
    read = read_rows_with(path, options)
    rows, faults = with_distinct_ids(read.rows, read.faults, read.source.path)
    notes = list(read.notes)
    if faults:
        n_rows = len(rows) + len(faults)
        if options.on_faulty == "fail" or not rows:
            raise listed(faults, n_rows)
        note = f"{len(faults)} of {n_rows} rows are faulty and were left out: {named(faults)}"
        notes.append(note)
        _LOG.warning("%s: %s", _source_name(path), note)
    exam = Exam(
        tuple(map(itemgetter(1), rows)),
        source=_source_name(path),
        format=read.format,
        source_hash=read.sha256,
        notes=tuple(notes),
        n_skipped=len(faults),
    )
    return _part(exam, options)


def _source_name(path: ExamPath) -> str:
    if isinstance(path, Sequence) and not isinstance(path, str):
        return ", ".join(map(str, path))
    files = exam_files(path)
    return str(files[0]) if len(files) == 1 else str(path)


def _part(exam: Exam, options: ReadOptions) -> Exam:
    """Return the questions that `limit` and `sample` leave, in order."""
    if options.limit is not None and options.limit < len(exam):
        exam = exam.subset(range(options.limit))
    if options.sample is not None and options.sample < len(exam):
        drawn = np.random.default_rng(options.seed).permutation(len(exam))[: options.sample]
        exam = exam.subset(sorted(drawn.tolist()))
    return exam


def read_rows(
    path: ExamPath | SourceFile,
    *,
    format: str | None = None,
    fields: Mapping[str, str | Sequence[str]] | None = None,
) -> RowsRead:
    """Read an exam and collect the errors of invalid records instead of raising them.

    Ids may repeat.

    Raises:
        ExamError: A file as a whole is unreadable.
    """
    return read_rows_with(path, ReadOptions(format=format, fields=fields or {}))


def read_rows_with(path: ExamPath | SourceFile, options: ReadOptions) -> RowsRead:
    """Read an exam as `read_rows` does.

    Raises:
        ExamError: A file as a whole is unreadable.
    """
    _check(options)
    if isinstance(path, SourceFile):
        return _read_file(path, options)
    files = exam_files(path)
    if len(files) == 1:
        return _read_file(
            SourceFile.load(files[0], encoding=options.encoding, is_strict=False), options
        )
    parts = []
    for file, name in zip(files, short_names(files), strict=True):
        part = _read_file(
            SourceFile.load(file, encoding=options.encoding, is_strict=False), options
        )
        parts.append((name, part))
    notes = left_out(path)
    for note in notes:
        _LOG.warning("%s: %s", path, note)
    return join_files(parts, notes)


def _check(options: ReadOptions) -> None:
    options.check_fields()
    if options.format is not None and options.format not in (known := {*SHAPES, *DOCUMENTS}):
        raise ExamError(
            f"unknown exam format '{options.format}'", hint=nearest(options.format, known)
        )


def _read_file(source: SourceFile, options: ReadOptions) -> RowsRead:
    with _without_collection():
        document = document_of(source, options.format)
        if document is not None:
            options.check_without_columns(document)
            found = list(_each(source, DOCUMENTS[document]))
            rows = tuple((row, one) for row, one in found if isinstance(one, Question))
            faults = tuple(one for _, one in found if isinstance(one, ExamError))
            name, notes = document, DOCUMENTS[document].notes(source)
        else:
            name, rows, faults, notes = _read_records(source, options)
    for note in notes:
        _LOG.warning("%s: %s", source.path, note)
    if not rows and not faults:
        left_out = "; ".join(notes)
        raise source.error(
            f"the file has no questions{f': {left_out}' if left_out else ''}",
            hint="Give a file with multiple-choice questions"
            if left_out
            else "Add rows below the header",
        )
    return RowsRead(source, name, rows, faults, notes, source.sha256)


@contextmanager
def _without_collection() -> Iterator[None]:
    # A million new objects make Python's collector look through all of them again and again.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _each(source: SourceFile, form: ExamFormat) -> Iterator[tuple[int, Question | ExamError]]:
    for row, record in enumerate(form.records(source), 1):
        try:
            yield row, form.to_question(record, row)
        except ExamError as error:
            yield row, _placed(error, source, row)


def _placed(error: ExamError, source: SourceFile, row: int) -> ExamError:
    return ExamError(error.message, file=source.path, row=row, field=error.field, hint=error.hint)


def format_of(source: SourceFile) -> str | None:
    """Return the name of a file's format, from its first records; None if they have none.

    Raises:
        ExamError: The file cannot be read, or no format fits.
    """
    document = document_of(source, None)
    if document is not None:
        return document
    _, first = _opened(source, ReadOptions())
    sample = _sample(first)
    return choose_layout(sample, format=None, fields={})[0].shape.name if sample else None


def _opened(source: SourceFile, options: ReadOptions) -> tuple[Rows, list[Row]]:
    """Return the rows of a file, and the first of them, which are taken off."""
    opened = open_rows(source, _records_of(options))
    return opened, list(islice(opened.rows, _N_LOOKED_AT))


def _records_of(options: ReadOptions) -> str | None:
    given = options.fields.get("records")
    return given if given is None or isinstance(given, str) else ".".join(given)


def _sample(first: Sequence[Row]) -> list[Record]:
    return [flat(record) for record in first if not isinstance(record, ExamError)]


def _read_records(
    source: SourceFile, options: ReadOptions, late: Sequence[Record] = ()
) -> tuple[str, tuple[tuple[int, Question], ...], tuple[ExamError, ...], tuple[str, ...]]:
    opened, first = _opened(source, options)
    sample = [*_sample(first), *late]
    if not sample:
        faults = tuple(
            _placed(error, source, row)
            for row, error in enumerate(chain(first, opened.rows), 1)
            if isinstance(error, ExamError)
        )
        if not faults and opened.names and names_of((), opened.names).first(PROMPTS) is None:
            sample = [dict.fromkeys(opened.names)]
            try:
                choose_layout(sample, format=options.format, fields=options.fields)
            except ExamError as error:
                raise _with_content(error, source, opened) from None
        return options.format or opened.container, (), faults, tuple(opened.notes)
    try:
        layout, is_unfolded = choose_layout(sample, format=options.format, fields=options.fields)
    except ExamError as error:
        raise _with_content(error, source, opened) from None
    layout = replace(layout, drops_blanks=opened.drops_blanks)
    if opened.csv is not None and len(opened.csv.data) >= MIN_BYTES and not is_unfolded:
        found = read_bulk(opened.csv, layout, options.answer_base)
        if found is not None:
            unanswered = _unanswered_notes(layout, sample, found[0])
            return layout.shape.name, found[0], (), (*opened.notes, *found[1], *unanswered)
    rows = enumerate(chain(first, opened.rows), 1)
    watch = LateFields(sample, is_needed=not opened.names)
    flat_rows = watch.flat_rows(rows)
    records = unfolded(layout, flat_rows) if is_unfolded else flat_rows
    drafts, faults_found = _drafted(records, layout, source, keep_labels=options.keep_labels)
    if watch.records and _is_extended(layout, [*sample, *watch.records], source, options):
        drafts.clear()
        return _read_records(source, options, [*late, *watch.records])
    try:
        questions, wrong, notes = settle(drafts, layout, opened.container, options.answer_base)
    except ExamError as error:
        raise ExamError(
            error.message, file=source.path, field=error.field, hint=error.hint
        ) from None
    faults_found += [_placed(error, source, row) for row, error in wrong]
    faults_found.sort(key=lambda error: error.row or 0)
    notes += _unanswered_notes(layout, sample, questions)
    return layout.shape.name, questions, tuple(faults_found), (*opened.notes, *notes)


def _unanswered_notes(
    layout: Layout, sample: Sequence[Record], rows: Sequence[tuple[int, Question]]
) -> list[str]:
    """Return a note if no answers were recognised, but other fields might hold them."""
    if layout.answer is not None or any(one.answer is not None for _, one in rows):
        return []
    others = [name for name in names_of(sample).actual if name not in layout.used]
    others = [name for name in others if name != "metadata"]
    if not others:
        return []
    shown = ", ".join(others[:_MOST_NAMED])
    return [
        f"no answers were recognised; if one of these fields holds them, name it: {shown}. "
        "Such as --field answer=COLUMN"
    ]


def _drafted(
    records: Iterator[tuple[int, Row]], layout: Layout, source: SourceFile, *, keep_labels: bool
) -> tuple[list[Draft], list[ExamError]]:
    drafts: list[Draft] = []
    faults: list[ExamError] = []
    add = drafts.append
    for row, record in records:
        if isinstance(record, ExamError):
            faults.append(_placed(record, source, row))
            continue
        try:
            add(draft(layout, record, row, keep_labels=keep_labels))
        except ExamError as error:
            faults.append(_placed(error, source, row))
    return drafts, faults


def _is_extended(
    layout: Layout, records: Sequence[Record], source: SourceFile, options: ReadOptions
) -> bool:
    """Return whether fields that appear late in a file belong to the questions.

    Raises:
        ExamError: With these fields, no shape fits.
    """
    try:
        found, _ = choose_layout(records, format=options.format, fields=options.fields)
    except ExamError as error:
        raise ExamError(
            error.message, file=source.path, field=error.field, hint=error.hint
        ) from None
    return found.used != layout.used and layout.is_part_of(found)


def _with_content(error: ExamError, source: SourceFile, opened: Rows) -> ExamError:
    """Return the error of a file without a known shape, which may be another kind of file."""
    if {"id", "prediction"} == set(opened.names):
        return source.error(
            "expected an exam, got a submission", hint="Give the file with the questions"
        )
    return ExamError(error.message, file=source.path, field=error.field, hint=error.hint)
