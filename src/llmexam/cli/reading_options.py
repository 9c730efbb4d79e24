"""Options of all commands that read an exam: they are declared once, here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any, get_type_hints

import typer

_OPTIONS: dict[str, tuple[Any, Any]] = {
    "field": (
        Annotated[
            list[str] | None,
            typer.Option(
                "--field",
                help="Map a field to columns whose names are not recognised: --field "
                "prompt=Question --field options=A,B,C,D --field answer=key. Other fields: "
                "distractors, passages, context, id, and records (the list in a JSON file, or the "
                "sheet of a workbook). Repeatable.",
                show_default=False,
            ),
        ],
        None,
    ),
    "answer_base": (
        Annotated[
            str | None,
            typer.Option(
                "--answer-base",
                help="How answers are written: `0` for indices that count from 0, `1` for indices "
                "that count from 1, or `text` for texts of options. Default: inferred from the "
                "whole file.",
                show_default=False,
            ),
        ],
        None,
    ),
    "on_faulty": (
        Annotated[
            str,
            typer.Option(
                "--on-faulty",
                help="What to do with faulty rows: `fail` stops with an error that lists them, "
                "`skip` leaves them out.",
            ),
        ],
        "fail",
    ),
    "encoding": (
        Annotated[
            str | None,
            typer.Option(
                "--encoding",
                help="Encoding of text files, such as gb18030. Auto-detected by default.",
                show_default=False,
            ),
        ],
        None,
    ),
    "keep_labels": (
        Annotated[
            bool,
            typer.Option(
                "--keep-labels",
                help="Keep labels in the options, such as the A) of 'A) Paris'. By default they "
                "are removed.",
            ),
        ],
        False,
    ),
    "limit": (
        Annotated[
            int | None,
            typer.Option(
                "--limit",
                min=1,
                help="Read only this many questions, from the first.",
                show_default=False,
            ),
        ],
        None,
    ),
    "sample": (
        Annotated[
            int | None,
            typer.Option(
                "--sample",
                min=1,
                help="Read only this many questions, drawn at random with --seed, in file order.",
                show_default=False,
            ),
        ],
        None,
    ),
    "seed": (
        Annotated[int, typer.Option("--seed", min=0, help="Random seed of --sample.")],
        0,
    ),
}


def reads_exam(*, without: Sequence[str] = ()) -> Callable[[Callable[..., None]], Any]:
    """Return a decorator that adds the options of reading an exam to a command.

    The command gets them as its argument `reading`, a `ReadOptions`. Its own arguments `format`
    and `seed` are part of that as well.

    Args:
        without: Options that the command does not have, or that mean something else there.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = signature(command).parameters
        # Its type is imported for type checkers only, because commands must start fast.
        command.__annotations__.pop("reading")
        added = {
            name: option
            for name, option in _OPTIONS.items()
            if name not in without
            and name not in own
            and (name != "seed" or "sample" not in without)
        }

        @wraps(command)
        def run(**values: Any) -> None:
            from llmexam.cli.options import parse_fields
            from llmexam.exam.parsers.options import ReadOptions

            given = {name: values.pop(name) for name in added}
            shared = {name: values[name] for name in ("format", "seed") if name in own}
            fields = parse_fields(given.pop("field", None) or [])
            merged = {**shared, **given}
            if merged.get("seed") is None:
                merged.pop("seed", None)
            command(**values, reading=ReadOptions.checked(fields=fields, **merged))

        hints = get_type_hints(command, include_extras=True)
        hints |= {name: hint for name, (hint, _) in added.items()}
        parameters = [
            parameter.replace(annotation=hints[name])
            for name, parameter in own.items()
            if name != "reading"
        ]
        parameters += [
            Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=hint)
            for name, (hint, default) in added.items()
        ]
        run.__signature__ = signature(command).replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = hints
        return run

    return decorate
