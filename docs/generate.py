"""Write the reference pages from the code: commands, settings, formats, public names.

`make docs` writes them, and then the outputs on the other pages (`pages.py`); `make check` fails
where a reference page is not what the code says. Commands are read from their functions, not from
what `--help` prints, so that the pages do not depend on a terminal or on how a library draws its
tables.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from typer.models import ArgumentInfo, OptionInfo

import llmexam
from llmexam.authoring.settings import AuthoringSettings
from llmexam.cli.app import app
from llmexam.collecting.apis.settings import (
    ArxivSettings,
    MediaWikiSettings,
    OpenAlexSettings,
)
from llmexam.collecting.cleaning.plan import CleaningSettings
from llmexam.collecting.cleaning.registry import step_class, step_names
from llmexam.collecting.wikipedia.settings import WikipediaSettings
from llmexam.evaluation import results
from llmexam.evaluation.metrics import ExactSet, choice_metrics
from llmexam.evidence.corpus import CorpusFormat
from llmexam.exam.parsers.formats import FORMATS
from llmexam.exam.writers import WRITERS
from llmexam.recovery.making.endpoint import EndpointMakerSettings
from llmexam.recovery.making.local import LocalMakerSettings
from llmexam.recovery.recoverers.registry import recoverer_class, recoverer_names
from llmexam.settings.base import Settings
from llmexam.solvers.protocol import BaseSolver
from llmexam.solvers.registry import solver_class, solver_entries
from llmexam.solvers.spec import SolverSpec
from llmexam.tasks.multiple_choice.plan import Plan
from llmexam.tasks.prompt_recovery.plan import RecoveryPlan
from llmexam.training.registry import trainer_class, trainer_names
from llmexam.workflows.train.recipe import Recipe

HERE = Path(__file__).resolve().parent
NOTE = "<!-- Written by docs/generate.py: change the code, then run `make docs`. -->\n\n"
_TYPES = {Path: "path", str: "text", int: "whole number", float: "number"}


def render_commands() -> str:
    """Return every command with its arguments and options."""
    parts = ["# Commands\n\n", NOTE]
    parts.append(
        "Results go to stdout, progress and errors to stderr. Exit codes: 0 success, 1 failed "
        "check, 2 invalid input, 130 interrupted, 141 output no longer read. "
        "`llmexam COMMAND --help` shows the same as this page."
        "\n\n"
    )
    functions = _commands()
    rows = [
        (f"[`{name}`](#llmexam-{name.replace(' ', '-')})", _first_line(function))
        for name, function in functions.items()
    ]
    parts += _table(("command", "description"), rows)
    for name, function in functions.items():
        parts += ["\n", _render_command(name, function)]
    return "".join(parts)


def _commands() -> dict[str, Callable[..., Any]]:
    """Return the functions of all commands by name, those of groups such as `recover` last."""
    found = {
        command.callback.__name__.replace("_", "-"): command.callback
        for command in app.registered_commands
        if command.callback and not command.hidden
    }
    for group in app.registered_groups:
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            assert command.callback is not None
            found[f"{group.typer_instance.info.name} {command.name}"] = command.callback
    return found


def _first_line(item: object) -> str:
    return (inspect.getdoc(item) or "").split("\n\n")[0].replace("\n", " ")


def _render_command(name: str, function: Callable[..., Any]) -> str:
    hints = typing.get_type_hints(function, include_extras=True)
    arguments, options = [], []
    usage = [f"llmexam {name}"]
    for key, parameter in inspect.signature(function).parameters.items():
        kind, *extras = typing.get_args(hints[key])
        info = next(one for one in extras if isinstance(one, OptionInfo | ArgumentInfo))
        if info.hidden:
            continue
        required = parameter.default is inspect.Parameter.empty
        default = "required" if required else _shown(parameter.default)
        if isinstance(info, ArgumentInfo):
            face = (info.metavar or key).upper().removesuffix("...")
            face += "..." if _is_list(kind) else ""
            usage.append(face if required else f"[{face}]")
            arguments.append((f"`{face}`", _type_name(kind), default, info.help or ""))
        else:
            options.append((_option_face(key, info), _type_name(kind), default, info.help or ""))
    usage.append("[OPTIONS]")
    story, examples = _split_examples(inspect.getdoc(function) or "")
    parts = [f"## llmexam {name}\n\n", story, "\n\n"]
    parts.append("```text\n" + "\n".join([" ".join(usage), *examples]) + "\n```\n")
    for title, rows in (("argument", arguments), ("option", options)):
        if rows:
            parts += ["\n", *_table((title, "value", "default", "description"), rows)]
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
    parts = ["# Settings\n\n", NOTE, "Dots denote nesting: `evidence.k` is\n\n"]
    parts.append("```yaml\nevidence:\n  k: 4\n```\n\n")
    parts.append(
        "in a plan and `--set evidence.k=4` on the command line. An unknown key is an error, "
        "which suggests the most similar key.\n\n## The plan\n\n"
        "`exam`, corpora, indexes and solvers may be written as a plain path or name. Settings "
        "of a solver may be written next to `solver` and `name`, without `settings`. Relative "
        "paths are relative to the folder of the plan.\n\n"
    )
    head = ("key", "default", "description")
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
        "\n## The recipe of a training run\n\nPaths and corpora are written as in a plan. "
        "`settings` are those of the training family (below).\n\n"
    )
    parts += _table(head, _setting_rows(Recipe))
    for name in trainer_names():
        parts.append(f"\n## Training `{name}`\n\nNeeds `pip install 'llmexam[train]'`.\n\n")
        parts += _table(head, _setting_rows(trainer_class(name).settings_class))
    parts.append("\n## The plan of prompt recovery\n\nWith `task: prompt-recovery`.\n\n")
    parts += _table(head, _setting_rows(RecoveryPlan))
    for name in recoverer_names():
        kind = recoverer_class(name)
        parts.append(f"\n## Recoverer `{name}`\n\n{_first_line(kind)}\n\n")
        rows = _setting_rows(kind.settings_class)
        parts += _table(head, rows) if rows else ["No settings.\n"]
    parts.append("\n## `recover make-data` with an endpoint\n\nWith `--base-url`.\n\n")
    parts += _table(head, _setting_rows(EndpointMakerSettings))
    parts.append("\n## `recover make-data` with a local model\n\n")
    parts += _table(head, _setting_rows(LocalMakerSettings))
    for command, kind in (
        ("wikipedia", WikipediaSettings),
        ("mediawiki", MediaWikiSettings),
        ("arxiv", ArxivSettings),
        ("openalex", OpenAlexSettings),
    ):
        parts.append(f"\n## `collect {command}`\n\n{_first_line(kind)}\n\n")
        parts += _table(head, _setting_rows(kind))
    parts.append(f"\n## `author write`\n\n{_first_line(AuthoringSettings)}\n\n")
    parts += _table(head, _setting_rows(AuthoringSettings))
    parts.append("\n## The file of `collect clean`\n\n")
    parts += _table(head, _setting_rows(CleaningSettings))
    for name in step_names():
        step = step_class(name)
        parts.append(f"\n## Cleaning step `{name}`\n\n{_first_line(step)}\n\n")
        parts += _table(head, _setting_rows(step))
    return "".join(parts)


def _setting_rows(model: type[BaseModel], above: str = "") -> list[tuple[str, str, str]]:
    rows = []
    for name, field in model.model_fields.items():
        path = f"{above}{name}"
        default = field.get_default(call_default_factory=True)
        # A solver's name and settings have defaults that depend on the solver.
        is_filled_in = issubclass(model, SolverSpec) and name in ("name", "settings")
        missing = "" if is_filled_in else "required"
        inner, is_many = _model_in(field.annotation)
        description = (field.description or "").strip()
        if inner is None or not (above or description):
            description = description or _first_line(inner)
        if inner is None:
            shown = missing if default is PydanticUndefined else _shown(default)
            choices = [one for one in _choices(field.annotation) if one not in description]
            if choices:
                description += f" (one of {', '.join(_choices(field.annotation))})"
            rows.append((f"`{path}`", shown, description))
            continue
        shown = missing if default is PydanticUndefined else "a list" if is_many else "below"
        if is_many and default is not PydanticUndefined:
            shown = _shown(list(default))
        rows.append((f"`{path}`", shown, description))
        rows += _setting_rows(inner, f"{path}[]." if is_many else f"{path}.")
    return rows


def _choices(annotation: Any) -> list[str]:
    """Return the words that a setting can have, or nothing if it can have other values."""
    if typing.get_origin(annotation) is typing.Literal:
        return [str(one) for one in typing.get_args(annotation)]
    if typing.get_origin(annotation) not in (UnionType, typing.Union):
        return []
    members = [_choices(one) for one in typing.get_args(annotation) if one is not type(None)]
    return [word for words in members for word in words] if all(members) else []


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
        # A solver is shown as a plan names it.
        names = [one.name if isinstance(one, SolverSpec) else str(one) for one in value]
        return f"`[{', '.join(names)}]`"
    # A cell is one line.
    shown = str(value).replace("\n", r"\n")
    return f"`{shown}`"


_WRITTEN_ONLY = {
    "long": "CSV: id,prompt,option,label, with one row per option; write only",
    "hub-mmlu": "MMLU as on dataset hubs: question, subject, choices, answer (.parquet or .jsonl)",
    "inspect": "JSON Lines of inspect_ai: id, input, choices, target, metadata",
    "lm-eval": "Task of lm-evaluation-harness: a YAML file, and its data beside it (.jsonl)",
}


def render_formats() -> str:
    """Return the file formats that are read and written."""
    rows = [
        (f"`{name}`", form.summary, "yes" if name in WRITERS else "")
        for name, form in FORMATS.items()
    ]
    rows += [(f"`{name}`", _WRITTEN_ONLY[name], "yes") for name in WRITERS if name not in FORMATS]
    corpus = [f"`{name}`" for name in typing.get_args(CorpusFormat) if name != "auto"]
    return "".join(
        [
            "# File formats\n\n",
            NOTE,
            "## Exams\n\nThe format is auto-detected from the content of the file; `--format` "
            "overrides it. Records are read from CSV, JSON, JSON Lines, Parquet and Excel "
            "workbooks, also compressed. `llmexam convert` writes the formats marked in the last "
            "column.\n\n",
            *_table(("format", "description", "written"), rows),
            f"\n## Corpora\n\n{', '.join(corpus)}; each also compressed (`.gz`). A folder is "
            "searched for files of all formats.\n",
        ]
    )


def render_metrics() -> str:
    """Return the metrics, and every key of `metrics.json`."""
    metrics = [
        (f"`{metric.name}`", metric.label, metric.explanation)
        for metric in (*choice_metrics(), ExactSet())
    ]
    parts = [
        "# Metrics and `metrics.json`\n\n",
        NOTE,
        "The first metric is the primary one: solvers are ranked and compared by it. The default k "
        "is 3; `evaluation.k` in a plan or `--k` changes it.\n\n",
        *_table(("name", "label", "what it measures"), metrics),
        f"\n`metrics.json` in the folder of a run is one `RunMetrics` object, schema version "
        f"{results.SCHEMA_VERSION}. `llmexam evaluate --json` prints an `Evaluation`, `llmexam "
        "compare --json` a `FullComparison`, or a `ComparisonFamily` if several results are "
        "compared with the first. In schema version 1, which had no `schema_version`, "
        "metrics were keys of `Evaluation` (`map_at_k`, `accuracy`, `accuracy_at_k`).\n",
    ]
    kinds: list[type[BaseModel]] = [results.RunMetrics, results.ComparisonFamily]
    for kind in kinds:
        kinds += [other for other in dict.fromkeys(_models_of(kind)) if other not in kinds]
        texts = _attribute_texts(kind)
        rows = [
            (f"`{name}`", _json_type(field.annotation), texts[name].replace("None", "null"))
            for name, field in kind.model_fields.items()
        ]
        parts.append(f"\n## `{kind.__name__}`\n\n{_first_line(kind)}\n\n")
        parts += _table(("key", "value", "description"), rows)
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
        shown = annotation.__subclasses__() if annotation is results.Diagnostics else []
        return " or ".join(f"`{one.__name__}`" for one in shown or [annotation])
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


_PUBLIC: Mapping[str, Sequence[str]] = {
    "Exams": (
        "read_exam",
        "write_exam",
        "audit",
        "audit_exam",
        "split_exam",
        "k_folds",
        "shuffle_options",
        "to_long",
        "Exam",
        "Question",
        "Passage",
        "LongRow",
        "AuditReport",
        "AuditResult",
        "Finding",
    ),
    "Evidence": (
        "retrieve",
        "build_index",
        "CorpusSettings",
        "ChunkSettings",
        "RerankerSettings",
        "IndexSummary",
    ),
    "Solvers": (
        "solve",
        "Cluster",
        "create_solver",
        "RandomSolver",
        "FirstSolver",
        "LongestSolver",
        "AnswersSolver",
        "LexicalSolver",
        "BiEncoderSolver",
        "CrossEncoderSolver",
        "MultipleChoiceSolver",
        "KerasChoiceSolver",
        "RankerSolver",
        "CausalLmSolver",
        "ServedSolver",
        "CascadeSolver",
    ),
    "Scores and submissions": (
        "ScoreMatrix",
        "read_scores",
        "write_scores",
        "read_submission",
        "write_submission",
        "validate_submission",
    ),
    "Ensembles": ("combine", "build_ensemble", "Ensemble", "EnsembleSettings"),
    "Evaluation": (
        "evaluate",
        "compare",
        "compare_runs",
        "map_at_k",
        "Evaluation",
        "MetricResult",
        "Comparison",
        "FullComparison",
    ),
    "Runs and reports": ("run", "write_report", "RunContent"),
    "Prompt recovery": (
        "read_rewrites",
        "recover_prompts",
        "evaluate_prompts",
        "combine_prompts",
        "AgreementSettings",
        "PromptEnsemble",
        "write_rewrites",
        "write_prompts",
        "validate_prompts",
        "search_mean",
        "MeanPromptResult",
        "make_data",
        "forecast_data",
        "MadeData",
        "Forecast",
        "Rewrite",
        "RewriteExam",
        "Recoverer",
        "Recovery",
    ),
    "Training": ("train", "dry_run", "TrainingOutcome", "DryRun"),
    "For authors of solvers, metrics and tasks": (
        "Solver",
        "BaseSolver",
        "SolverDescription",
        "Settings",
        "Explanation",
        "OptionReason",
        "Support",
        "Metric",
        "RankMetric",
        "Task",
    ),
    "Errors and version": ("LlmExamError", "SettingsError", "__version__"),
}
"""The public names by purpose."""


def render_api() -> str:
    """Return the public names by purpose: signatures, fields and methods."""
    grouped = [name for names in _PUBLIC.values() for name in names]
    if sorted(grouped) != sorted(llmexam.__all__):
        raise ValueError(f"_PUBLIC and llmexam differ: {set(grouped) ^ set(llmexam.__all__)}")
    parts = ["# Python API\n\n", NOTE, "`import llmexam as lx` gives these names.\n\n"]
    parts += [
        f"- {title}: {', '.join(f'[`{name}`](#{name.lower()})' for name in names)}\n"
        for title, names in _PUBLIC.items()
    ]
    for title, names in _PUBLIC.items():
        parts.append(f"\n## {title}\n")
        for name in names:
            parts.append(f"\n### `{name}`\n\n")
            parts += _render_public(name, getattr(llmexam, name))
    return "".join(parts)


def _render_public(name: str, item: Any) -> list[str]:
    if isinstance(item, str):
        return ["The version of the package.\n"]
    parts = [f"{_first_line(item)}\n\n"]
    if inspect.isfunction(item):
        parts.append(f"```text\n{_signature(name, item)}\n```\n\n")
    else:
        if rows := _fields(item):
            parts += [*_table(("field", "type", "what it is"), rows), "\n"]
        if rows := _methods(item):
            parts += [*_table(("method", "what it does"), rows), "\n"]
    return [*parts, f"From `{item.__module__}`; `help(lx.{name})` shows all of it.\n"]


def _fields(item: type) -> list[tuple[str, str, str]]:
    """Return the fields and properties of a class: those of a dataclass, of settings, others."""
    texts = _attribute_texts(item)
    kinds = {
        name: str(kind)
        for one in reversed(_our_bases(item))
        for name, kind in inspect.get_annotations(one).items()
    }
    shown = {
        name: (_plain_type(kind), texts.get(name, ""))
        for name, kind in kinds.items()
        if not name.startswith("_") and name != "model_config"
    }
    if issubclass(item, BaseModel):
        for name, field in item.model_fields.items():
            shown[name] = (shown[name][0], field.description or texts.get(name, ""))
    for name in _public_members(item):
        member = inspect.getattr_static(item, name)
        function = getattr(member, "fget", None) or getattr(member, "func", None)
        if function is not None:
            kind = _plain_type(inspect.get_annotations(function).get("return", ""))
            shown[name] = (kind, texts.get(name) or _first_line(function))
    return [(f"`{name}`", f"`{kind}`", text) for name, (kind, text) in shown.items()]


def _methods(item: type) -> list[tuple[str, str]]:
    rows = []
    for name in _public_members(item):
        member = inspect.getattr_static(item, name)
        function = getattr(member, "__func__", member)
        if inspect.isfunction(function):
            names = [one for one in inspect.signature(function).parameters if one != "self"]
            names = names[1:] if isinstance(member, classmethod) else names
            rows.append((f"`{name}({', '.join(names)})`", _first_line(function)))
    return rows


def _public_members(item: type) -> list[str]:
    """Return names of this package's classes only: pydantic's own methods are not repeated."""
    names = (name for one in reversed(_our_bases(item)) for name in vars(one))
    return [name for name in dict.fromkeys(names) if not name.startswith("_")]


def _our_bases(item: type) -> list[type]:
    ours = [one for one in item.__mro__ if one.__module__.startswith("llmexam.")]
    # What all settings have is listed with `Settings`.
    shared = {Settings, *Settings.__mro__} if item is not Settings else set()
    # What all solvers have is listed with `BaseSolver`.
    shared |= {BaseSolver} if item is not BaseSolver else set()
    return [one for one in ours if one not in shared]


def _plain_type(kind: Any) -> str:
    text = kind if isinstance(kind, str) else inspect.formatannotation(kind)
    text = text.removeprefix("ClassVar[").removesuffix("]") if text.startswith("ClassVar") else text
    return re.sub(r"\b(?:llmexam|pathlib|typing|collections\.abc)\.(?:\w+\.)*", "", text)


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
