"""Drafts that workers write are those of one process."""

import json

import pytest

from llmexam.authoring import drafting, sharded
from llmexam.authoring.settings import AuthoringSettings
from llmexam.errors import SettingsError
from llmexam.evidence.corpus import CorpusSettings, read_corpus
from llmexam.sample import corpus_path
from llmexam.stages.sharding.cluster import Cluster, ClusterSettings
from llmexam.workflows import author
from llmexam.workflows.author import write_questions


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def cluster(told):
    """One cluster for all tests: starting a worker costs more than its work."""
    with Cluster(ClusterSettings(address="processes", workers=2), told.append) as made:
        yield made


@pytest.fixture
def settings(tmp_path, monkeypatch):
    # Four shards.
    for module in (author, drafting, sharded):
        monkeypatch.setattr(module, "SHARD_PASSAGES", 16)
    documents = list(read_corpus(CorpusSettings(path=corpus_path("bundled"))))[:60]
    path = tmp_path / "corpus.jsonl"
    rows = ({"id": one.id, "title": one.title, "text": one.text} for one in documents)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def make(**values):
        checks = {"readers": None, "plausible": None, "support": None, "overlap": None}
        values = {"corpus": path, "checks": checks, "n_processes": 1, **values}
        return AuthoringSettings.parse(values, subject="x")

    return make


def test_the_questions_are_the_same_bytes_and_an_interrupted_call_resumes(
    tmp_path, settings, cluster, told
):
    alone, shared = tmp_path / "alone.jsonl", tmp_path / "shared.jsonl"
    write_questions(settings(), alone)

    def stop(n_done, n_all):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_questions(settings(), shared, progress=stop, cluster=cluster)
    write_questions(settings(), shared, cluster=cluster)
    for suffix in ("", ".report.json"):
        one, other = (path.with_name(path.name + suffix) for path in (alone, shared))
        assert one.read_bytes() == other.read_bytes()
    # The first shard was stored, so it is not handed out again.
    assert told[-1].startswith("drafts: ")
    assert not (tmp_path / "shared.jsonl.drafts" / "shards").exists()


def test_a_wanted_number_ends_the_work(tmp_path, settings, cluster):
    alone, shared = tmp_path / "alone.jsonl", tmp_path / "shared.jsonl"
    write_questions(settings(n_questions=3), alone)
    write_questions(settings(n_questions=3), shared, cluster=cluster)
    assert alone.read_bytes() == shared.read_bytes()


def test_endpoints_are_refused(tmp_path, settings, cluster):
    endpoint = {"model": "m", "base_url": "http://127.0.0.1:1/v1"}
    with pytest.raises(SettingsError, match="replicas"):
        write_questions(settings(endpoint=endpoint), tmp_path / "x.jsonl", cluster=cluster)
