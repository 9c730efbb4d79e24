"""Kinds of input files: small valid ones, and what llmexam does with one."""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from tests.cli.in_process import llmexam
from tests.fuzz.stored import read_damaged, stored_files, stored_kinds

from llmexam.exam.score_files import write_scores
from llmexam.exam.scores import ScoreMatrix

EXAM_CSV = (
    "id,prompt,A,B,C,answer\n0,At how many degrees does salt melt?,801,1064,None,A\n"
    '1,"At how many, in all?",801,1064,NA,B\n2,Which is NOT a metal?,gold,iron,"a ""salt""",C\n'
)
RECORDS = [
    {"id": "0", "prompt": "What is salt?", "options": ["a mineral", "a metal"], "answer": 0},
    {
        "id": "1",
        "prompt": "Which floats?",
        "options": ["wood", "iron", "gold"],
        "answer": 0,
        "passages": [{"text": "Wood floats.", "title": "Wood", "id": "w"}],
        "metadata": {"subject": "physics"},
    },
]
ARC = {
    "id": "q1",
    "question": {
        "stem": "Which floats?",
        "choices": [{"text": "wood", "label": "A"}, {"text": "iron", "label": "B"}],
    },
    "answerKey": "A",
}
ALPACA = {"instruction": "Answer.", "input": "Which floats?\nA: wood\nB: iron", "output": "A"}
MOODLE = """<?xml version="1.0"?><quiz><question type="multichoice"><name><text>q</text></name>
<questiontext format="html"><text><![CDATA[<p>Which floats?</p>]]></text></questiontext>
<answer fraction="100"><text>wood</text></answer><answer fraction="0"><text>iron</text></answer>
</question></quiz>"""
GIFT = "::q1:: Which floats? {\n=wood\n~iron\n~gold\n}\n"
AIKEN = "Which floats?\nA) wood\nB) iron\nANSWER: A\n"
QTI = """<assessmentItem xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1" identifier="q" title="q">
<responseDeclaration identifier="R" cardinality="single" baseType="identifier"><correctResponse>
<value>A</value></correctResponse></responseDeclaration><itemBody>
<choiceInteraction responseIdentifier="R"><prompt>Which floats?</prompt>
<simpleChoice identifier="A">wood</simpleChoice><simpleChoice identifier="B">iron</simpleChoice>
</choiceInteraction></itemBody></assessmentItem>"""
MARKDOWN = (
    "---\ntitle: x\n---\nIntro.\n\n# Metals #\n\nGold is dense.\n\n```\n# code\n```\n"
    "## Iron\nRusts.\n"
)
PLAN = {
    "exam": "exam.csv",
    "evidence": {"corpus": "corpus.jsonl", "k": 2},
    "solvers": ["lexical", {"solver": "random", "name": "dice", "seed": 3}],
    "ensemble": {"weights": "equal"},
    "evaluation": {"k": 3},
}
RECIPE = {
    "family": "multiple-choice",
    "train": "exam.csv",
    "evidence": {"given": "drop"},
    "settings": {"encoding": {"max_tokens": 64}, "n_epochs": 1, "learning_rate": 1e-4},
}
CLEANING = {"steps": [{"length": {"min_words": 2}}, "duplicates"]}
TEMPLATE = {
    "mode": "letters",
    "question": "{{ prompt }}\n{% for o in options %}{{ o.letter }}: {{ o.text }}\n{% endfor %}",
    "answer": " {{ letter }}",
}
CONFIG = {"model_type": "bert", "hidden_size": 16, "num_hidden_layers": 1, "vocab_size": 30}
CARD = {"family": "multiple-choice", "base_model": "x/y", "base_weights_hash": "0" * 64}

Act = Callable[[Path, Path, random.Random], object]


@dataclass(frozen=True)
class Kind:
    """A kind of input file.

    Attributes:
        name: The kind.
        files: Valid contents by file name.
        act: What llmexam does with a file, given the file and an empty folder.
    """

    name: str
    files: Mapping[str, bytes]
    act: Act


def _lines(*records: object) -> bytes:
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records).encode()


def _parquet(**columns: object) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def _zip(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, data in files.items():
            packed.writestr(zipfile.ZipInfo(name), data)
    return stream.getvalue()


def exam_files() -> dict[str, bytes]:
    """Return exams in every format."""
    return {
        "kaggle.csv": EXAM_CSV.encode(),
        "mmlu.csv": b"Which floats?,wood,iron,gold,tin,A\nWhich rusts?,wood,iron,gold,tin,B\n",
        "semicolons.csv": EXAM_CSV.replace(",", ";").encode(),
        "exam.jsonl": _lines(*RECORDS),
        "list.json": json.dumps({"data": RECORDS}).encode(),
        "arc.jsonl": _lines(ARC, {**ARC, "id": "q2"}),
        "alpaca.json": json.dumps([ALPACA]).encode(),
        "exam.parquet": _parquet(
            question=["Which floats?"], choices=[["wood", "iron"]], answer=[0], image=[None]
        ),
        "exam.csv.gz": gzip.compress(EXAM_CSV.encode(), mtime=0),
        "moodle.xml": MOODLE.encode(),
        "exam.gift": GIFT.encode(),
        "aiken.txt": AIKEN.encode(),
        "qti.xml": QTI.encode(),
        "qti.zip": _zip(**{"item.xml": QTI.encode()}),
    }


def _exam(path: Path, folder: Path, draw: random.Random) -> object:
    command: tuple[object, ...] = draw.choice(
        [
            ("audit", path),
            ("audit", path, "--flaws"),
            ("convert", path, folder / "out.jsonl", "--to", "jsonl"),
            ("convert", path, folder / "out.csv", "--to", "kaggle"),
            ("solve", path, "--solver", "lexical"),
        ]
    )
    return llmexam(*command)


def _corpus(path: Path, folder: Path, draw: random.Random) -> object:
    built = llmexam("index", path, "--out", folder / "index", "--chunk-tokens", 20, "--overlap", 5)
    return built if built.returncode else llmexam("search", folder / "index", "gold which", "-k", 2)


def _beside(path: Path) -> Path:
    (path.parent / "exam.csv").write_text(EXAM_CSV)
    (path.parent / "corpus.jsonl").write_bytes(_lines({"id": "a", "text": "Salt melts at 801."}))
    return path.parent / "exam.csv"


def _plan(path: Path, folder: Path, draw: random.Random) -> object:
    _beside(path)
    return llmexam("run", path, "--out", folder)


def _recipe(path: Path, folder: Path, draw: random.Random) -> object:
    from llmexam.workflows.train.recipe import read_recipe

    _beside(path)
    return read_recipe(path)


def _cleaning(path: Path, folder: Path, draw: random.Random) -> object:
    from llmexam.collecting.cleaning.plan import read_plan

    return read_plan(path)


def _template(path: Path, folder: Path, draw: random.Random) -> object:
    from llmexam.solvers.prompts.template import read_template

    return read_template(str(path))


def _grade(path: Path, folder: Path, draw: random.Random) -> object:
    exam = _beside(path)
    return draw.choice(
        [
            lambda: llmexam("evaluate", exam, path),
            lambda: llmexam("compare", exam, path, path),
        ]
    )()


def _model(path: Path, folder: Path, draw: random.Random) -> object:
    from llmexam.lm.models.card import read_card
    from llmexam.lm.models.loading import ModelFolder
    from llmexam.lm.models.sentence_config import read_sentence_config
    from llmexam.solvers.ranker.model import RANKER_FILE, load_ranker

    target = folder / path.name
    target.write_bytes(path.read_bytes())
    if path.name == RANKER_FILE:
        return load_ranker(folder)
    return read_card(folder), read_sentence_config(ModelFolder("x", folder, ()))


def _scores() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.parquet"
        rows = [[3.0, 2.0, 1.0], [1.0, 3.0, 2.0], [1.0, 2.0, 3.0]]
        write_scores(path, ScoreMatrix.from_rows(["0", "1", "2"], rows), {"solver": "x"})
        return path.read_bytes()


@cache
def kinds() -> tuple[Kind, ...]:
    """Return all kinds of input."""
    corpus = _lines(
        {"id": "a", "text": "Gold is dense. It is soft.", "title": "Gold"}, {"text": "b"}
    )
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}
    ]
    ranker = {"members": [{"solver": "longest", "name": "longest"}], "names": ["a"]}
    return (
        Kind("exam", exam_files(), _exam),
        Kind(
            "corpus",
            {
                "a.jsonl": corpus,
                "a.csv": b'id,text\na,"Gold, dense."\nb,Iron rusts.\n',
                "a.tsv": b"id\ttext\na\tGold.\n",
                "a.txt": b"Gold is dense.\n\nIron rusts.\n",
                "a.md": MARKDOWN.encode(),
                "a.parquet": _parquet(id=["a", "b"], text=["Gold is dense.", "Iron rusts."]),
                "a.jsonl.gz": gzip.compress(corpus, mtime=0),
            },
            _corpus,
        ),
        Kind(
            "plan",
            {"plan.yaml": yaml.safe_dump(PLAN).encode(), "p.yaml": json.dumps(PLAN).encode()},
            _plan,
        ),
        Kind(
            "recipe",
            {"r.yaml": yaml.safe_dump(RECIPE).encode(), "j.yaml": json.dumps(RECIPE).encode()},
            _recipe,
        ),
        Kind("cleaning plan", {"c.yaml": json.dumps(CLEANING).encode()}, _cleaning),
        Kind(
            "template",
            {"t.yaml": yaml.safe_dump(TEMPLATE).encode(), "j.yaml": json.dumps(TEMPLATE).encode()},
            _template,
        ),
        Kind("scores", {"s.parquet": _scores()}, _grade),
        Kind("submission", {"s.csv": b"id,prediction\n0,A B C\n1,B A C\n2,C A B\n"}, _grade),
        Kind(
            "model folder",
            {
                "config.json": json.dumps(CONFIG).encode(),
                "modules.json": json.dumps(modules).encode(),
                "sentence_bert_config.json": b'{"max_seq_length": 128, "do_lower_case": false}',
                "config_sentence_transformers.json": b'{"prompts": {"query": "q: "}}',
                "llmexam.json": json.dumps(CARD).encode(),
                "ranker.json": json.dumps(ranker).encode(),
            },
            _model,
        ),
        *(
            Kind(f"stored {one}", stored_files(one), partial(read_damaged, one))
            for one in stored_kinds()
        ),
    )
