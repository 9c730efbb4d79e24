"""Write the reference pages from the code: commands, settings, formats, public names.

`make docs` writes them, and then the outputs on the other pages (`pages.py`); `make check` fails
where a reference page is not what the code says. Commands are read from their functions, not from
what `--help` prints, so that the pages do not depend on a terminal or on how a library draws its
tables.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from typer.models import ArgumentInfo, OptionInfo

import llmexam
from llmexam.cli.app import app
from llmexam.evaluation import results
from llmexam.evaluation.metrics import choice_metrics
from llmexam.evidence.corpus import CorpusFormat
from llmexam.exam.parsers.formats import FORMATS
from llmexam.exam.writers import WRITERS
from llmexam.solvers.registry import solver_class, solver_entries
from llmexam.tasks.multiple_choice.plan import Plan
from llmexam.training.registry import trainer_class, trainer_names
from llmexam.workflows.train.recipe import Recipe

HERE = Path(__file__).resolve().parent
NOTE = "<!-- Written by docs/generate.py: change the code, then run `make docs`. -->\n\n"
_TYPES = {Path: "path", str: "text", int: "whole number", float: "number"}


def render_commands() -> str:
    """Return every command with its arguments and options."""
    parts = ["# Commands\n\n", NOTE]
    parts.append(
        "Results go to stdout, progress and errors to stderr. Exit code 0 means success, 1 that a "
        "check failed, 2 that the input was wrong, 130 that it was interrupted. "
        "`llmexam COMMAND --help` shows the same as this page.\n\n"
    )
    functions = [c.callback for c in app.registered_commands if c.callback and not c.hidden]
    rows = [(f"[`{_name(f)}`](#llmexam-{_name(f)})", _first_line(f)) for f in functions]
    parts += _table(("command", "what it does"), rows)
    for function in functions:
        parts += ["\n", _render_command(function)]
    return "".join(parts)


def _name(function: Callable[..., Any]) -> str:
    return function.__name__.replace("_", "-")


def _first_line(item: object) -> str:
    return (inspect.getdoc(item) or "").split("\n\n")[0].replace("\n", " ")


def _render_command(function: Callable[..., Any]) -> str:
    hints = typing.get_type_hints(function, include_extras=True)
    arguments, options = [], []
    usage = [f"llmexam {_name(function)}"]
    for name, parameter in inspect.signature(function).parameters.items():
        kind, *extras = typing.get_args(hints[name])
        info = next(one for one in extras if isinstance(one, OptionInfo | ArgumentInfo))
        required = parameter.default is inspect.Parameter.empty
        default = "required" if required else _shown(parameter.default)
        if isinstance(info, ArgumentInfo):
            face = (info.metavar or name).upper().removesuffix("...")
            face += "..." if _is_list(kind) else ""
            usage.append(face if required else f"[{face}]")
            arguments.append((f"`{face}`", _type_name(kind), default, info.help or ""))
        else:
            options.append((_option_face(name, info), _type_name(kind), default, info.help or ""))
    usage.append("[OPTIONS]")
    story, examples = _split_examples(inspect.getdoc(function) or "")
    parts = [f"## llmexam {_name(function)}\n\n", story, "\n\n"]
    parts.append("```text\n" + "\n".join([" ".join(usage), *examples]) + "\n```\n")
    for title, rows in (("argument", arguments), ("option", options)):
        if rows:
            parts += ["\n", *_table((title, "value", "default", "what it is"), rows)]
    return "".join(parts)


def _split_examples(doc: str) -> tuple[str, list[str]]:
    blocks = doc.split("\n\n")
    examples = [b.removeprefix("Example: ") for b in blocks if b.startswith("Example: ")]
    return "\n\n".join(b for b in blocks if not b.startswith("Example: ")), examples


def _option_face(name: str, info: OptionInfo) -> str:
    # With Annotated, typer keeps the first spelling where the default would be.
    first = (info.default,) if isinstance(info.default, str) else ()
    spellings = [*first, *(info.param_decls or ())] or [f"--{name.strip('_').replace('_', '-')}"]
    return ", ".join(f"`{spelling}`" for one in spellings for spelling in one.split("/"))


def _is_list(kind: Any) -> bool:
    return typing.get_origin(kind) is list or any(_is_list(one) for one in _members(kind))


def _members(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) if isinstance(kind, UnionType) else ()


def _type_name(kind: Any) -> str:
    if isinstance(kind, UnionType):
        return _type_name(next(one for one in _members(kind) if one is not type(None)))
    if typing.get_origin(kind) is list:
        return f"{_type_name(typing.get_args(kind)[0])}, repeatable"
    return "" if kind is bool else _TYPES[kind]


def render_settings() -> str:
    """Return all keys of a plan, of every solver, of a recipe and of every trainer."""
    parts = ["# Settings\n\n", NOTE, "Dots stand for nesting: `evidence.k` is\n\n"]
    parts.append("```yaml\nevidence:\n  k: 4\n```\n\n")
    parts.append(
        "in a plan and `--set evidence.k=4` on the command line. An unknown key is an error that "
        "names the nearest one.\n\n## The plan\n\n"
        "`exam`, a corpus, an index and a solver may be written as a plain path or name. The keys "
        "of a solver other than `solver`, `name` and `settings` are taken as its settings; its "
        "`name` is that of the solver where it is not given. Relative paths start at the folder "
        "of the plan.\n\n"
    )
    head = ("key", "default", "what it is")
    parts += _table(head, _setting_rows(Plan))
    for name, entry in sorted(solver_entries().items()):
        if entry.origin != "llmexam":
            continue
        rows = _setting_rows(solver_class(name).settings_class)
        summary = entry.summary[0].upper() + entry.summary[1:]
        parts.append(f"\n## Solver `{name}`\n\n{summary}.\n\n")
        if entry.extra:
            parts.append(f"Needs `pip install 'llmexam[{entry.extra}]'`.\n\n")
        parts += _table(head, rows) if rows else ["No settings.\n"]
    parts.append(
        "\n## The recipe of a training\n\nPaths and corpora are written as in a plan. `settings` "
        "holds those of the family, below.\n\n"
    )
    parts += _table(head, _setting_rows(Recipe))
    for name in trainer_names():
        parts.append(f"\n## Training `{name}`\n\nNeeds `pip install 'llmexam[train]'`.\n\n")
        parts += _table(head, _setting_rows(trainer_class(name).settings_class))
    return "".join(parts)


def _setting_rows(model: type[BaseModel], above: str = "") -> list[tuple[str, str, str]]:
    rows = []
    for name, field in model.model_fields.items():
        path = f"{above}{name}"
        default = field.get_default(call_default_factory=True)
        inner, is_many = _model_in(field.annotation)
        description = (field.description or "").strip()
        if inner is None or not (above or description):
            description = description or _first_line(inner)
        if inner is None:
            shown = "required" if default is PydanticUndefined else _shown(default)
            rows.append((f"`{path}`", shown, description))
            continue
        shown = "required" if default is PydanticUndefined else "a list" if is_many else "below"
        if is_many and default is not PydanticUndefined:
            shown = _shown(list(default))
        rows.append((f"`{path}`", shown, description))
        rows += _setting_rows(inner, f"{path}[]." if is_many else f"{path}.")
    return rows


def _model_in(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the settings class that a field holds, and whether it holds a list of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    many = typing.get_origin(annotation) in (tuple, list)
    for one in typing.get_args(annotation):
        found, inner_many = _model_in(one)
        if found is not None:
            return found, many or inner_many
    return None, False


def _shown(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list | tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"


def render_formats() -> str:
    """Return the forms of files that are read and written."""
    rows = [
        (f"`{name}`", form.summary, "yes" if name in WRITERS else "")
        for name, form in FORMATS.items()
    ]
    rows += [
        (f"`{name}`", "CSV: id,prompt,option,label, one row an option; written only", "yes")
        for name in WRITERS
        if name not in FORMATS
    ]
    corpus = [f"`{name}`" for name in typing.get_args(CorpusFormat) if name != "auto"]
    return "".join(
        [
            "# File formats\n\n",
            NOTE,
            "## Exams\n\nThe form is found out from what a file says; `--format` overrules it. "
            "`llmexam convert` writes those marked.\n\n",
            *_table(("form", "what it is", "written"), rows),
            f"\n## Corpora\n\n{', '.join(corpus)}; each also compressed (`.gz`), alone or in a "
            "folder.\n",
        ]
    )


def render_metrics() -> str:
    """Return the metrics, and every key of `metrics.json`."""
    metrics = [
        (f"`{metric.name}`", metric.label, metric.explanation) for metric in choice_metrics()
    ]
    parts = [
        "# Metrics and `metrics.json`\n\n",
        NOTE,
        "The first metric is the primary one: it ranks solvers, and comparisons are about it. The "
        "k of these names is 3; `evaluation.k` in a plan or `--k` sets another.\n\n",
        *_table(("name", "label", "what it measures"), metrics),
        f"\n`metrics.json` in the folder of a run is one `RunMetrics` object, schema version "
        f"{results.SCHEMA_VERSION}. `llmexam evaluate --json` prints an `Evaluation`, `llmexam "
        "compare --json` a `Comparison`. In schema version 1, which had no `schema_version`, "
        "metrics were keys of `Evaluation` (`map_at_k`, `accuracy`, `accuracy_at_k`).\n",
    ]
    kinds: list[type[BaseModel]] = [results.RunMetrics]
    for kind in kinds:
        kinds += [other for other in dict.fromkeys(_models_of(kind)) if other not in kinds]
        texts = _attribute_texts(kind)
        rows = [
            (f"`{name}`", _json_type(field.annotation), texts[name].replace("None", "null"))
            for name, field in kind.model_fields.items()
        ]
        parts.append(f"\n## `{kind.__name__}`\n\n{_first_line(kind)}\n\n")
        parts += _table(("key", "value", "what it is"), rows)
    return "".join(parts)


def _models_of(kind: type[BaseModel]) -> list[type[BaseModel]]:
    found = [
        one
        for field in kind.model_fields.values()
        for one in _leaves(field.annotation)
        if isinstance(one, type) and issubclass(one, BaseModel)
    ]
    # What a task tells beside metrics stands in subclasses.
    return [
        other for one in found for other in (one.__subclasses__() or [one]) if other is not kind
    ]


def _leaves(annotation: Any) -> list[Any]:
    inner = typing.get_args(annotation)
    return [leaf for one in inner for leaf in _leaves(one)] if inner else [annotation]


def _json_type(annotation: Any) -> str:
    names = {str: "text", int: "whole number", bool: "true or false", type(None): "null"}
    inner, origin = typing.get_args(annotation), typing.get_origin(annotation)
    if origin is tuple:
        return f"list of {_json_type(inner[0])}"
    if origin is dict:
        return f"object of {_json_type(inner[1])} by name"
    if origin is typing.Literal:
        return f"`{inner[0]}`"
    if origin in (UnionType, typing.Union):
        return " or ".join(_json_type(one) for one in inner)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        shown = annotation.__subclasses__()[:1] if annotation is results.Diagnostics else []
        return f"`{(shown or [annotation])[0].__name__}`"
    return names.get(annotation, "number")


def _attribute_texts(kind: type[BaseModel]) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say of each attribute."""
    texts: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        _, _, section = (inspect.cleandoc(one.__doc__ or "")).partition("\nAttributes:\n")
        name = ""
        for line in section.splitlines():
            if line.startswith("    ") and not line.startswith("     "):
                name, _, text = line.strip().partition(": ")
                texts[name] = text
            elif name and line.strip():
                texts[name] += f" {line.strip()}"
    return texts


def render_api() -> str:
    """Return the public names with their signatures and first lines."""
    parts = ["# Python API\n\n", NOTE, "`import llmexam as lx` gives these names.\n"]
    for name in llmexam.__all__:
        item = getattr(llmexam, name)
        if isinstance(item, str):
            parts.append(f"\n## `{name}`\n\nThe version of the package.\n")
            continue
        where = item.__module__
        parts.append(f"\n## `{name}`\n\n{_first_line(item)}\n\n")
        if inspect.isfunction(item):
            parts.append(f"```text\n{_signature(name, item)}\n```\n\n")
        parts.append(f"From `{where}`; `help(lx.{name})` says more.\n")
    return "".join(parts)


def _signature(name: str, function: Callable[..., Any]) -> str:
    lines, star = [f"{name}("], False
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            lines.append("    *,")
            star = True
        default = parameter.default
        # The address of a function differs from process to process.
        is_plain = not callable(default) and " at 0x" not in repr(default)
        shown = repr(default) if is_plain else "..."
        end = "" if default is parameter.empty else f" = {shown}"
        lines.append(f"    {parameter.name}: {parameter.annotation}{end},")
    return "\n".join([*lines, f") -> {signature.return_annotation}"])


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    head = list(head)
    lines = [_row(head), _row(["---"] * len(head))]
    return [*lines, *(_row(row) for row in rows)]


def _row(cells: Iterable[str]) -> str:
    # A bar would end the cell, and an angle bracket begin a tag.
    texts = [" ".join(cell.replace("|", r"\|").split()) for cell in cells]
    return f"| {' | '.join(texts)} |".replace("|  |", "| |") + "\n"


PAGES: Mapping[str, Callable[[], str]] = {
    "reference/commands.md": render_commands,
    "reference/settings.md": render_settings,
    "reference/formats.md": render_formats,
    "reference/metrics.md": render_metrics,
    "reference/api.md": render_api,
}


def main() -> None:
    """Write the pages, or with `--check` compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail on a difference")
    check = parser.parse_args().check
    stale = []
    for name, render in PAGES.items():
        path, text = HERE / name, render()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale and check:
        sys.exit(f"not in step with the code: {', '.join(stale)}; run `make docs`")


if __name__ == "__main__":
    main()
