"""Options that several commands share, and the parsing of their values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from llmexam.errors import SettingsError

ExamArgument = Annotated[
    str,
    typer.Argument(
        help="Exam file, folder or pattern such as 'exams/*.csv', `-` for standard input, or "
        "`bundled` for the sample exam."
    ),
]
ExamFormat = Annotated[
    str | None,
    typer.Option("--format", help="Format of the exam file; auto-detected by default."),
]
TaskName = Annotated[
    str | None,
    typer.Option(
        "--task",
        help="Task of the exam: multiple-choice or prompt-recovery. Auto-detected by default.",
        show_default=False,
    ),
]
Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--field",
        help="Column of a file of rewrites where it differs: --field original_text=text. "
        "Repeatable.",
        show_default=False,
    ),
]
GradingK = Annotated[
    int | None,
    typer.Option(
        "--k",
        min=1,
        max=26,
        help="How many top-ranked options count: the k of MAP@k and accuracy@k. Default: 3. For "
        "multiple choice.",
        show_default=False,
    ),
]
GradingEmbedder = Annotated[
    str | None,
    typer.Option(
        "--embedder",
        help="Embedder of the sharpened cosine: `bundled`, a folder or a Hugging Face name. "
        "Default: sentence-transformers/sentence-t5-base. For prompt recovery.",
        show_default=False,
    ),
]
SecondEmbedder = Annotated[
    str | None,
    typer.Option(
        "--second-embedder",
        help="Another embedder, to check the results of the first. For prompt recovery.",
        show_default=False,
    ),
]
LoggedValues = Annotated[
    bool,
    typer.Option(
        "--logged-values",
        help="For logs of other harnesses: use the metrics that the harness logged for each "
        "question, such as acc_norm, instead of ranking the options.",
    ),
]
ClusterBy = Annotated[
    str | None,
    typer.Option(
        "--cluster-by",
        help="Which items are not independent and are resampled together: a metadata field, "
        "`passage` (title of the first passage of the exam file), a CSV file with the columns id "
        "and cluster, or `none`. Default: the field `cluster`, if most questions have it; for "
        "prompt recovery, groups of near-equal prompts.",
        show_default=False,
    ),
]
SliceBy = Annotated[
    str | None,
    typer.Option(
        "--slice-by",
        help="Metadata column, such as subject: grade the questions of each value separately, and "
        "show the mean over the values. For multiple choice.",
        show_default=False,
    ),
]
Indexes = Annotated[
    list[Path] | None,
    typer.Option(
        help="Retrieve evidence from this index. Several indexes are combined by "
        "reciprocal rank fusion."
    ),
]
IndexModel = Annotated[
    str | None,
    typer.Option(help="Bi-encoder of a dense index that was built with a Hugging Face model."),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        help="Compute in shards, which resume after an interruption: `local` (a Ray cluster on "
        "this machine, started for this command), `processes` (without Ray), or HOST:PORT of a "
        "running Ray cluster that this machine is part of. Needs the extra `scale`, except "
        "`processes`.",
        show_default=False,
    ),
]
ClusterSet = Annotated[
    list[str] | None,
    typer.Option(
        "--cluster-set",
        help="Set a setting of the cluster: workers, cpus_per_worker, gpus_per_worker or attempts, "
        "such as --cluster-set workers=8. Repeatable.",
        show_default=False,
    ),
]
TopK = Annotated[int, typer.Option("--k", "-k", min=1, help="Passages per question (top-k).")]


def parse_fields(pairs: Sequence[str]) -> dict[str, str]:
    """Parse `name=column` arguments into a mapping.

    >>> parse_fields(["original_text=text"])
    {'original_text': 'text'}

    Raises:
        SettingsError: An argument has no `=`, or a name is given twice.
    """
    fields: dict[str, str] = {}
    for pair in pairs:
        name, equals, column = pair.partition("=")
        if not equals or not name or not column:
            raise SettingsError(f"expected --field NAME=COLUMN, such as text=context, got '{pair}'")
        if name in fields:
            raise SettingsError(f"--field gives '{name}' twice")
        fields[name] = column
    return fields


def parse_settings(pairs: Sequence[str], option: str = "--set") -> dict[str, Any]:
    """Parse `key=value` arguments into nested settings; values are parsed as YAML.

    >>> parse_settings(["weights.run=0.5", "read_wording=false"])
    {'weights': {'run': 0.5}, 'read_wording': False}

    Raises:
        SettingsError: An argument has no `=`, a key is given twice, or a value is not valid YAML.
    """
    from llmexam.storage.yaml_text import load_yaml

    settings: dict[str, Any] = {}
    for pair in pairs:
        path, equals, text = pair.partition("=")
        if not equals or not path:
            raise SettingsError(f"expected {option} key=value, got '{pair}'")
        *folders, last = path.split(".")
        here = settings
        for folder in folders:
            here = here.setdefault(folder, {})
            if not isinstance(here, dict):
                raise SettingsError(f"{option} sets both '{path}' and all of '{folder}'")
        if last in here:
            raise SettingsError(f"{option} sets '{path}' twice")
        try:
            here[last] = load_yaml(text)
        except SettingsError as error:
            shown = pair if len(pair) <= 80 else f"{pair[:77]}..."
            raise SettingsError(f"{option} '{shown}': {error.message}") from None
    return settings
