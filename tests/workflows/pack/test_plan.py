"""Plans for other machines: indexes, models that folders name, and hidden exams."""

import json
from pathlib import Path

import pytest

from llmexam.evidence.index.manifest import EncoderRecord, Manifest
from llmexam.packing.requirements import needs_of
from llmexam.workflows.pack.plan import (
    hidden_changes,
    sample_changes,
    with_indexes,
    with_members,
)
from llmexam.workflows.pack.sample import write_sample
from llmexam.workflows.run.plan import parse_plan


def a_plan(tmp_path: Path, **values):
    return parse_plan(
        {"exam": "bundled", "solvers": ["lexical"], **values}, base=tmp_path, file=None
    )


def announce(name: str, n_done: int, n_all: int | None) -> None:
    """Say nothing."""


def test_whatever_belongs_to_one_exam_is_changed_for_a_hidden_one(tmp_path: Path):
    for name in ("clusters.csv", "train.csv", "other.csv"):
        (tmp_path / name).write_text("id,cluster\n1,a\n", encoding="utf-8")
    plan = a_plan(
        tmp_path,
        exam={"path": "bundled", "limit": 5, "where": {"subject": ["x"]}, "encoding": "cp1252"},
        evaluation={"compare": ["other.csv"], "cluster_by": "clusters.csv", "slice_by": "subject"},
        audit_against=["train.csv"],
    )
    assert hidden_changes(plan) == {
        "exam.limit": None,
        "exam.where": {},
        "evaluation.compare": [],
        "evaluation.slice_by": None,
        "evaluation.cluster_by": "auto",
        "audit_against": [],
    }
    # The sample of a trial is in the standard form, whatever form the exam has.
    assert sample_changes(plan)["exam.encoding"] is None
    assert hidden_changes(a_plan(tmp_path)) == {}


def test_corpora_become_indexes_that_are_kept_until_the_corpus_changes(tmp_path: Path):
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"id": "a", "text": "Whales breathe air."}\n', encoding="utf-8")
    plan = a_plan(tmp_path, evidence={"corpus": ["corpus.jsonl"]})
    packed = with_indexes(plan, tmp_path / "work", announce)
    assert (packed.evidence.corpus, len(packed.evidence.index)) == ((), 1)
    manifest = Path(packed.evidence.index[0]) / "manifest.json"
    built = manifest.stat().st_mtime_ns
    with_indexes(plan, tmp_path / "work", announce)
    assert manifest.stat().st_mtime_ns == built
    corpus.write_text('{"id": "a", "text": "Fish have gills."}\n', encoding="utf-8")
    with_indexes(plan, tmp_path / "work", announce)
    assert manifest.stat().st_mtime_ns != built
    unchanged = a_plan(tmp_path)
    assert with_indexes(unchanged, tmp_path / "work", announce) is unchanged


def test_the_local_model_of_a_dense_index_becomes_part_of_the_plan(tmp_path: Path):
    model = str(tmp_path / "encoder")
    encoder = EncoderRecord(
        model=model, weights_hash="a", dim=2, normalised=True, dtype="float32", vectors="v"
    )
    (tmp_path / "dense").mkdir()
    Manifest(kind="dense", encoder=encoder).write(tmp_path / "dense")
    plan = a_plan(tmp_path, evidence={"index": ["dense"]})
    assert with_indexes(plan, tmp_path / "work", announce).evidence.model == model
    assert needs_of(plan).extras == {"encoders"}


@pytest.mark.needs("train")
def test_the_models_of_the_members_of_a_ranker_become_part_of_the_plan(tmp_path: Path):
    model, ranker = tmp_path / "reader", tmp_path / "ranker"
    model.mkdir()
    ranker.mkdir()
    members = [
        {"solver": "lexical", "name": "lexical"},
        {"solver": "bi-encoder", "name": "reader", "settings": {"model": str(model)}},
    ]
    content = {"kind": "llmexam ranker", "members": members, "names": []}
    (ranker / "ranker.json").write_text(json.dumps(content), encoding="utf-8")
    plan = a_plan(tmp_path, solvers=[{"ranker": {"model": str(ranker)}}])
    settings = with_members(plan).solvers[0].settings
    assert settings.members == {"reader": {"model": str(model)}}
    assert needs_of(plan).extras == {"train"}


def test_extras_come_from_solvers_evidence_and_files(tmp_path: Path):
    assert needs_of(a_plan(tmp_path)).extras == frozenset()
    assert needs_of(a_plan(tmp_path), more=("wiki",)).own.startswith("llmexam[wiki]==")
    workbook = a_plan(tmp_path, exam="exam.xlsx")
    assert needs_of(workbook).extras == {"xlsx"}


@pytest.mark.needs("encoders")
def test_extras_of_solvers_inside_solvers_are_found(tmp_path: Path):
    cascade = {"first": "lexical", "second": {"bi-encoder": {"precision": "fp32"}}}
    plan = a_plan(tmp_path, solvers=[{"cascade": cascade}])
    assert needs_of(plan).extras == {"encoders"}
    dense = a_plan(tmp_path, evidence={"corpus": ["bundled"], "kinds": ["dense"]})
    assert needs_of(dense).extras == {"encoders"}


@pytest.mark.needs("keras")
def test_keras_hub_is_installed_without_its_dependencies(tmp_path: Path):
    (tmp_path / "model").mkdir()
    plan = a_plan(tmp_path, solvers=[{"keras-choice": {"model": "model"}}])
    needs = needs_of(plan)
    assert needs.extras == {"keras"}
    assert [one.split(">")[0] for one in needs.alone] == ["keras-hub"]


@pytest.mark.needs("encoders")
def test_a_sample_has_the_first_items(tmp_path: Path):
    path, n_items = write_sample(a_plan(tmp_path), tmp_path / "trial", 7)
    assert n_items == 7
    assert len(path.read_text(encoding="utf-8").splitlines()) >= 8
    recovery = {"task": "prompt-recovery", "solvers": ["copy"]}
    _, n_rows = write_sample(a_plan(tmp_path, **recovery), tmp_path / "rows", 5)
    assert n_rows == 5
