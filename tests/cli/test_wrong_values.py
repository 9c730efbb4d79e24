"""Every option of every command, given a wrong value: one line and exit code 2, no traceback.

Commands and options come from the application, so a new one is tested without a change here; it
only needs an example value in `EXAMPLES` if it has an argument of a new name.
"""

import inspect
import json
import os
import shutil
import typing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
from tests.cli.in_process import llmexam
from typer.models import ArgumentInfo

from llmexam.cli.app import app
from llmexam.errors import RunError
from llmexam.exam.parsers import read_exam
from llmexam.workflows.evaluate import evaluate

COMMANDS = {
    command.callback.__name__.replace("_", "-"): command.callback
    for command in app.registered_commands
    if not command.hidden
}
COMMANDS |= {
    f"{group.typer_instance.info.name} {command.name}": command.callback
    for group in app.registered_groups
    for command in group.typer_instance.registered_commands
}

# Values of the arguments, by name.
EXAMPLES = {
    "exam": "exam.jsonl",
    "a": "scores.parquet",
    "others": "other.parquet",
    "prediction": "scores.parquet",
    "scores": "scores.parquet",
    "index": "index",
    "model": "folder",
    "out": "out.jsonl",
    "plan": "plan.yaml",
    "recipe": "recipe.yaml",
    "corpora": "corpus.jsonl",
    "source": "metrics.json",
}
# The same for the commands of a group.
GROUP_EXAMPLES = {
    "recover": {
        "exam": "rewrites.csv",
        "submission": "prompts.csv",
        "texts": "rewrites.csv",
        "prompts": "prompts.csv",
    },
    "collect": {"dumps": "dump.xml", "corpus": "corpus.jsonl"},
    "author": {"corpus": "corpus.jsonl", "questions": "exam.jsonl", "labels": "labels.jsonl"},
}
# Nothing answers there, and no command waits for it.
ASKED = ["--contact", "me@example.org", "--api", "http://127.0.0.1:9", "--set", "max_attempts=1"]
ASKING = ("collect mediawiki", "collect arxiv", "collect openalex")
# Options without which a command is slow, or refuses for a reason of its own.
OPTIONS = {
    "pack": ["--out", "packed", "--no-try"],
    "author label": ["--labels", "labels.jsonl", "--export", "accepted.jsonl"],
    "author report": ["--out", "items.html", "--solver", "first"],
    "author write": ["--dry-run"],
    "collect arxiv": ["--ids", "2202.12139", "--out", "arxiv.parquet", *ASKED],
    "collect clean": [
        *("--steps", "clean.yaml", "--out", "cleaned", "--overwrite", "--workers", "1"),
    ],
    "collect mediawiki": ["--title", "Opal", "--out", "wiki.parquet", *ASKED],
    "collect openalex": ["--search", "opal", "--out", "openalex.parquet", *ASKED],
    "collect wikipedia": [
        "--out",
        "collected",
        "--licence",
        "CC0",
        "--workers",
        "1",
        "--overwrite",
    ],
    "convert": ["--force", "--split", "0.5,0.5"],
    "compare": ["--resamples", "100"],
    "ensemble": ["--out", "e.parquet"],
    "estimate": ["--solver", "first", "--sample", "1"],
    "evaluate": ["--resamples", "100"],
    "export": ["--to", "onnx-int8", "--out", "new"],
    "export-results": [
        *("--to", "every-eval-ever", "--model", "m", "--out", "record.json", "--force"),
    ],
    "index": ["--out", "new-index"],
    "recover make-data": [
        *("--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--out", "made.csv"),
        *("--set", "cache_dir=cache", "--dry-run"),
    ],
    "recover predict": ["--recoverer", "copy"],
    "recover evaluate": ["--embedder", "bundled", "--resamples", "100"],
    "recover search-mean": ["--set", "n_steps=0", "--no-hold-out"],
    "run": ["--out", "run"],
    "search": ["--exam", "exam.jsonl"],
    "train": ["--dry-run"],
}
# What is given beside an option that does not go with the others.
BESIDE = {
    ("convert", "folds"): ["exam.jsonl", "out.jsonl", "--force"],
    ("index", "delete_ids"): ["--out", "index"],
    ("search", "queries"): ["index"],
    ("search", "exam"): ["index"],
}

DUMP = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" xml:lang="en">
<siteinfo><sitename>Wiki</sitename><dbname>wiki</dbname><base>http://example.org/wiki/Main</base>
<generator>MediaWiki</generator><case>first-letter</case>
<namespaces><namespace key="0" case="first-letter" /></namespaces></siteinfo>
<page><title>Opal</title><ns>0</ns><id>1</id><revision><id>2</id>
<timestamp>2024-01-01T00:00:00Z</timestamp><model>wikitext</model><format>text/x-wiki</format>
<text xml:space="preserve">Opal is a hydrated form of silica that is found in many rocks.</text>
</revision></page></mediawiki>
"""

ACCEPTED = {"kind": "decision", "decision": "accept"}

# Wrong whatever the option means.
WRONG = {
    "integer": ["x", "", "1.5", "nan", "-5"],
    "float": ["x", "", "nan", "-5"],
    "path": [""],
    "text": [""],
}
# No option may end in a traceback, whether it refuses these or not.
ODD = {
    "integer": [str(10**30), str(-(10**30)), "0"],
    "float": ["inf", "-inf", "1e300", "1e-300"],
    "path": ["missing/file.csv", "folder", "noise.bin", "empty", "x" * 300],
    "text": ["no-such", "missing/file.csv", "folder", "noise.bin", "nan", "[/b]", "a=b"],
}
# Nothing of the sort is there to be read: these are wrong where a command reads a file.
NOT_READABLE = {"missing/file.csv", "folder", "noise.bin", "empty", "x" * 300}
WRITTEN = {"out", "out_weights", "submission"}
FREE_TEXT = {("evaluate", "name"), ("search", "queries"), ("recover make-data", "model")}
# The working directory is a folder of score files.
FREE_TEXT |= {("author report", "answers"), ("author label", "labeller")}
FREE_TEXT |= {("collect wikipedia", "licence")}
# An output that may be anywhere.
FREE_TEXT |= {("collect wikipedia", "index")}
# An empty path is the working directory.
FREE_TEXT |= {("serve", "folder"), ("serve", "allow_host"), ("serve", "export")}
_NAMES = ("model", "hub_dataset", "split", "revision", "organization", "url", "metric", "task_id")
FREE_TEXT |= {("export-results", name) for name in _NAMES}


@dataclass(frozen=True)
class Parameter:
    """An option or argument, as the signature of its command declares it."""

    name: str
    spelling: str
    kind: str
    is_required: bool
    minimum: float | None


def parameters_of(command):
    """Return the options and arguments of a command that take a value."""
    hints = typing.get_type_hints(command, include_extras=True)
    found = []
    for name, declared in inspect.signature(command).parameters.items():
        annotation, info = typing.get_args(hints[name])
        kinds = {bool: "flag", int: "integer", float: "float", Path: "path", str: "text"}
        inner = {part for part in leaves(annotation) if part is not type(None)}
        kind = kinds[inner.pop()]
        if kind != "flag":
            decls = [info.default, *(info.param_decls or ())]
            texts = [one for one in decls if isinstance(one, str)]
            spelling = texts[0] if texts else f"--{name.strip('_').replace('_', '-')}"
            is_argument = isinstance(info, ArgumentInfo)
            is_required = declared.default is inspect.Parameter.empty and is_argument
            found.append(
                Parameter(name, "" if is_argument else spelling, kind, is_required, info.min)
            )
    return found


def leaves(annotation):
    parts = typing.get_args(annotation)
    return [leaf for part in parts for leaf in leaves(part)] if parts else [annotation]


def given_with(name, parameter=None, value=""):
    """Return a command line that is right but for the value of one option or argument."""
    own = [] if parameter is None else [*filter(None, [parameter.spelling]), value]
    if parameter is not None and (name, parameter.name) in BESIDE:
        return [*name.split(), *BESIDE[name, parameter.name], *own]
    examples = EXAMPLES | GROUP_EXAMPLES.get(name.partition(" ")[0], {})
    texts = [
        value if one == parameter else examples[one.name]
        for one in parameters_of(COMMANDS[name])
        if not one.spelling and (one == parameter or one.is_required or one.name in examples)
    ]
    is_option = parameter is not None and parameter.spelling
    return [*name.split(), *texts, *OPTIONS.get(name, []), *(own if is_option else [])]


def must_fail(name, parameter, value):
    """Return whether a value is wrong beyond doubt."""
    if (name, parameter.name) in FREE_TEXT:
        return False
    if value in WRONG[parameter.kind]:
        return value != "-5" or parameter.minimum is not None
    if parameter.name in WRITTEN:
        return False
    return value in (NOT_READABLE if parameter.kind == "path" else {"no-such", "[/b]"})


def fault_of(name, parameter, value):
    """Return what is wrong with how a command answers a value, or None."""
    arguments = given_with(name, parameter, value)
    # An earlier command may have written here.
    for folder in map(Path, ("missing", "folder")):
        shutil.rmtree(folder, ignore_errors=True)
    Path("folder").mkdir()
    Path("noise.bin").write_bytes(bytes(range(256)))
    Path("empty").write_text("")
    code, errors, unexpected = call(arguments)
    shown = " ".join(part if len(part) < 60 else f"{part[:20]}..." for part in arguments)
    if unexpected is not None:
        return f"{shown}: {type(unexpected).__name__}: {str(unexpected)[:200]}"
    lines = [line for line in errors.splitlines() if not line.startswith(("- ", "warning: "))]
    if code == 2 and (len(lines) != 1 or not lines[0].startswith("error: ")):
        return f"{shown}: not one line: {errors[:300]!r}"
    if code not in (0, 1, 2):
        return f"{shown}: exit code {code}"
    if code != 2 and must_fail(name, parameter, value):
        return f"{shown}: accepted"
    return None


def call(arguments):
    """Run the command line in this process; return exit code, stderr and what it did not catch."""
    try:
        done = llmexam(*arguments)
    except Exception as error:
        return 0, "", error
    return done.returncode, done.stderr, None


def stop(interpreter):
    raise RunError("stopped before the packages are resolved")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wrong")
    question = '{{"id": "{0}", "prompt": "p {0}?", "options": ["a", "b {0}"], "answer": "A"}}\n'
    (folder / "exam.jsonl").write_text("".join(question.format(n) for n in range(6)))
    (folder / "corpus.jsonl").write_text('{"id": "1", "text": "p a b"}\n')
    (folder / "plan.yaml").write_text("exam: exam.jsonl\nsolvers: [first]\n")
    (folder / "recipe.yaml").write_text(
        "family: ranker\ntrain: {path: exam.jsonl}\ndev: {share: 0.3}\n"
        "settings: {members: [first, longest]}\n"
    )
    (folder / "rewrites.csv").write_text(
        "id,original_text,rewritten_text,rewrite_prompt\n1,a,b,Do it.\n2,c,d,Undo it.\n"
    )
    (folder / "prompts.csv").write_text("id,rewrite_prompt\n1,x\n2,y\n")
    (folder / "clean.yaml").write_text("steps: [length]\n")
    (folder / "dump.xml").write_text(DUMP)
    exam = read_exam(folder / "exam.jsonl")
    labels = [
        {"id": question, "question": own, "labeller": who, **ACCEPTED}
        for question, own in zip(exam.ids, exam.question_hashes, strict=True)
        for who in ("ann", "bob")
    ]
    (folder / "labels.jsonl").write_text("".join(json.dumps(one) + "\n" for one in labels))
    here = os.getcwd()  # noqa: PTH109
    os.chdir(folder)
    # Built once instead of for every call, which takes longer than to refuse a value.
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr("llmexam.cli.app.app", typer.main.get_command(app))
    # Resolving packages asks an index and takes seconds.
    monkeypatch.setattr("llmexam.workflows.pack.make.installed_packages", stop)
    if find_spec("fastapi") and find_spec("uvicorn"):
        # Everything but the serving itself, which would not end.
        monkeypatch.setattr("llmexam.web.serving.run", lambda server, listener: None)
    for arguments in (
        ["solve", "exam.jsonl", "--solver", "first", "--out", "scores.parquet"],
        ["solve", "exam.jsonl", "--solver", "longest", "--out", "other.parquet"],
        ["index", "corpus.jsonl", "--out", "index"],
    ):
        code, errors, unexpected = call(arguments)
        assert (code, unexpected) == (0, None), errors
    grades = evaluate("exam.jsonl", "scores.parquet", n_resamples=100)
    (folder / "metrics.json").write_text(grades.model_dump_json())
    yield folder
    monkeypatch.undo()
    os.chdir(here)


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("name", COMMANDS)
def test_no_wrong_value_ends_in_a_traceback(name):
    tries = [
        (parameter, value)
        for parameter in parameters_of(COMMANDS[name])
        for value in (*WRONG[parameter.kind], *ODD[parameter.kind])
    ]
    faults = [fault_of(name, parameter, value) for parameter, value in tries]
    assert "\n".join(fault for fault in faults if fault) == ""


# These load an embedding model, read a dump or ask an endpoint, even for the smallest input.
NEEDS = {
    "collect wikipedia": "wiki",
    "recover evaluate": "encoders",
    "recover make-data": "openai",
    "recover search-mean": "encoders",
    "serve": "serve",
}


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.needs(NEEDS[name])] if name in NEEDS else [])
        for name in COMMANDS
        if name not in {"export", "pack", "train", *ASKING}
    ],
)
def test_what_the_values_are_put_into_is_right(name):
    """Else a wrong value would never be looked at."""
    code, errors, unexpected = call(given_with(name))
    assert (code in (0, 1), unexpected) == (True, None), errors
