"""Where the options of a file's questions are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from llmexam.errors import ExamError
from llmexam.exam.letters import MAX_OPTIONS, MIN_OPTIONS
from llmexam.exam.parsers import naming
from llmexam.exam.parsers.lettered import split_options
from llmexam.exam.parsers.naming import Names, Series, folded
from llmexam.exam.parsers.option_values import (
    Found,
    from_columns,
    from_distractors,
    from_value,
    is_blank,
)
from llmexam.exam.parsers.rows import Record
from llmexam.exam.parsers.unfolding import message_text
from llmexam.exam.parsers.written_lists import Separator, parsed_list, separator_of

_N_LOOKED_AT = 50
# Beside distractors, such fields may hold several spellings of the right answer.
_OF_RIGHT_ANSWERS = ("answer", "ans", "response", "sol")
_N_TEXTS, _N_CHARACTERS = 20, 20_000


class _OptionsShape(Protocol):
    """What is used of a shape."""

    @property
    def options(self) -> tuple[str, ...]: ...

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def fixed(self) -> tuple[str, ...]: ...

    @property
    def answer(self) -> tuple[str, ...]: ...

    @property
    def labelled(self) -> bool: ...


@dataclass(frozen=True)
class OptionSource:
    """Where the options are.

    Attributes:
        columns: The fields that hold them.
        read: Returns the options of a record, given the question text; None if they are inside
            the question text.
        is_answered: Whether they tell the right answer in all records.
        hides_right: Whether the right answer was put between the distractors.
        separator: What separates them in a text, if anything does.
    """

    columns: tuple[str, ...]
    read: Callable[[Record, str], Found] | None
    is_answered: bool = False
    hides_right: bool = False
    separator: Separator | None = None


def value_at(record: Record, name: str) -> Any:
    """Return a field of a record; `question.choices` is a field inside a field."""
    value = record.get(name)
    if value is None and "." in name and name not in record:
        value = record
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    return value


def find_options(
    shape: _OptionsShape,
    names: Names,
    sample: Sequence[Record],
    fields: Mapping[str, tuple[str, ...]],
    prompt: Sequence[str],
) -> OptionSource | None:
    """Return where the options are, or None if they are not found.

    Raises:
        ExamError: The columns of the options have a gap, or there are too many.
    """
    if {"distractors", "options"} <= fields.keys():
        raise ExamError(
            "options and distractors are both mapped, but only one of them can be read",
            field="--field",
            hint="Map options to a field with all options, or distractors to the wrong ones",
        )
    if "distractors" in fields:
        right = fields.get("answer") or (names.first(naming.RIGHT_TEXTS) or "answer",)
        return _distractors(right[0], fields["distractors"], sample)
    if "options" in fields:
        columns = fields["options"]
        return _columns(columns) if len(columns) > 1 else _value(columns[0], sample)
    if shape.fixed:
        return _fixed(shape, names, sample)
    if shape.columns:
        own = tuple(name for name in map(names.find, shape.columns) if name)
        return _columns(own) if len(own) >= MIN_OPTIONS else None
    letters = names.series(("",))
    if letters.columns and not shape.labelled:
        return _series(letters, names)
    wrong, right_name = _apart(shape, names, sample)
    for name in map(names.find, shape.options):
        if (
            name
            and name not in prompt
            and (source := _list_field(shape, name, sample))
            and (not right_name or _is_whole(name, source, wrong, sample))
        ):
            return source
    prefixed = names.series(naming.OPTION_PREFIXES)
    if prefixed.columns and not shape.labelled:
        source = _series(prefixed, names)
        if not right_name or _is_whole(prefixed.columns[0], source, wrong, sample):
            return source
    if right_name:
        return _distractors(right_name, wrong, sample)
    return None if shape.labelled else _in_prompt(prompt, sample)


def _apart(
    shape: _OptionsShape, names: Names, sample: Sequence[Record]
) -> tuple[tuple[str, ...], str | None]:
    """Return the fields of distractors and of the right text, if a file has it apart from them."""
    wrong = _as_tuple(names.first(naming.DISTRACTORS))
    wrong = wrong or names.series(naming.DISTRACTOR_PREFIXES).columns
    wrong = wrong or _as_tuple(names.first(f"{p}1" for p in naming.DISTRACTOR_PREFIXES))
    right = names.first(naming.RIGHT_TEXTS, without=wrong)
    if not wrong or right is None or shape.labelled:
        return (), None
    # Letters beside texts name options that are elsewhere.
    rights = _texts(sample, (right,))
    if rights and all(map(_is_letter, rights)) and not all(map(_is_letter, _texts(sample, wrong))):
        return (), None
    return wrong, right


def _is_whole(
    name: str, source: OptionSource, wrong: tuple[str, ...], sample: Sequence[Record]
) -> bool:
    """Return whether a field beside distractors holds all options, not only right answers."""
    for record in sample[:_N_LOOKED_AT]:
        try:
            options = () if source.read is None else source.read(record, "").options
        except ExamError:
            continue
        if len(options) < MIN_OPTIONS:
            return False
        if folded(name).startswith(_OF_RIGHT_ANSWERS):
            return set(_texts((record,), wrong)) <= set(options)
    return True


def _texts(records: Sequence[Record], names: Sequence[str]) -> list[str]:
    """Return the values of some fields as texts; those of lists one by one."""
    values = [value_at(record, name) for record in records[:_N_LOOKED_AT] for name in names]
    several = [one if isinstance(one, list | tuple) else [one] for one in values]
    return [str(one).strip() for own in several for one in own if not is_blank(one)]


def _is_letter(text: str) -> bool:
    return len(text) == 1 and text.isascii() and text.isalpha()


def _as_tuple(name: str | None) -> tuple[str, ...]:
    return () if name is None else (name,)


def _fixed(shape: _OptionsShape, names: Names, sample: Sequence[Record]) -> OptionSource | None:
    """Return the options that all questions have, if the answers are among them."""
    name = names.first(shape.answer)
    answers = [] if name is None else [str(record.get(name)).casefold() for record in sample]
    if not set(answers) <= {*shape.fixed, "none", ""}:
        return None
    found = Found(shape.fixed)
    return OptionSource((), lambda record, prompt: found)


def _columns(columns: tuple[str, ...]) -> OptionSource:
    if any("." in name for name in columns):
        return OptionSource(
            columns,
            lambda record, prompt: from_columns(
                {name: value_at(record, name) for name in columns}, columns
            ),
        )
    return OptionSource(columns, lambda record, prompt: from_columns(record, columns))


def _distractors(right: str, wrong: tuple[str, ...], sample: Sequence[Record]) -> OptionSource:
    separator = _separator_in(wrong[0], sample) if len(wrong) == 1 else None
    # One of several columns, or of several parts, may be a text such as "[0, 1]".
    parses = len(wrong) == 1 and separator is None

    def read(record: Record, prompt: str) -> Found:
        values = [value_at(record, name) for name in wrong]
        if separator is not None and isinstance(values[0], str):
            values = list(separator.checked_parts(values[0], wrong[0]))
        return from_distractors(value_at(record, right), values, right, prompt, parses=parses)

    return OptionSource(
        (right, *wrong), read, is_answered=True, hides_right=True, separator=separator
    )


def _separator_in(name: str, sample: Sequence[Record]) -> Separator | None:
    """Return what separates the options in the texts of a field, if it holds no other lists."""
    values = [value_at(record, name) for record in sample[:_N_LOOKED_AT]]
    texts = [value for value in values if isinstance(value, str) and not is_blank(value)]
    return separator_of(texts) if texts and parsed_list(texts[0]) is None else None


def _value(name: str, sample: Sequence[Record]) -> OptionSource:
    separator = _separator_in(name, sample)
    return OptionSource(
        (name,),
        lambda record, prompt: from_value(value_at(record, name), name, separator),
        separator=separator,
    )


def _list_field(shape: _OptionsShape, name: str, sample: Sequence[Record]) -> OptionSource | None:
    """Return the options in a field, if its first value holds several options."""
    values = [record.get(name) for record in sample]
    value = next((one for one in values if not is_blank(one)), None)
    if isinstance(value, str):
        source = _value(name, sample)
        try:
            is_list = source.read is not None and len(source.read({name: value}, "").options) > 1
        except ExamError:
            return None
        if shape.labelled and not _is_object(parsed_list(value)):
            return None
        return source if is_list else None
    if shape.labelled and not _is_object(value):
        return None
    return _value(name, sample) if isinstance(value, list | Mapping) else None


def _is_object(value: Any) -> bool:
    """Return whether options have labels: an object, or a list of objects."""
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)
    )


def _in_prompt(prompt: Sequence[str], sample: Sequence[Record]) -> OptionSource | None:
    if len(prompt) != 1:
        return None
    values = [record.get(prompt[0]) for record in sample[:_N_TEXTS]]
    texts = [one if isinstance(one, str) else message_text(one) for one in values]
    split = [
        text is not None and split_options(text[-_N_CHARACTERS:]) is not None for text in texts
    ]
    return OptionSource((), None) if split and sum(split) > len(split) / 2 else None


def _series(series: Series, names: Names) -> OptionSource:
    """Return the options in consecutive columns.

    Raises:
        ExamError: A column lies beyond a gap, or beyond Z.
    """
    columns, gap, beyond = series
    if beyond:
        gap = gap.upper() if len(gap) == 1 else gap
        raise ExamError(
            f"column '{gap}' is missing; found: {', '.join(names.actual)}",
            field=gap,
            hint="Options need consecutive columns; or name them: --field options="
            f"{','.join([*columns[:3], beyond])}",
        )
    if len(columns) == MAX_OPTIONS and (beyond_z := names.find("aa")):
        raise ExamError(
            f"column '{beyond_z}' is an option beyond Z",
            field=beyond_z,
            hint=f"A question has at most {MAX_OPTIONS} options",
        )
    return _columns(columns)
