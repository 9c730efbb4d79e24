"""Parts of indexes that a cluster builds have the same bytes as those of one process."""

from pathlib import Path

import pytest

from llmexam.errors import ModelError, RunError, SettingsError
from llmexam.evidence.index.manifest import read_manifest
from llmexam.evidence.index.opening import open_index, verify_index
from llmexam.evidence.index.parts.part import build_part
from llmexam.retrieval.build import build_index
from llmexam.retrieval.sharded import _pack, cluster_runner, open_building


def test_a_sparse_index_equals_that_of_one_process(cluster, told, tmp_path: Path):
    alone = build_index("bundled", tmp_path / "alone", parts=5)
    steps = []
    found = build_index(
        "bundled", tmp_path / "index", parts=5, cluster=cluster, tell=lambda *n: steps.append(n)
    )
    assert found.content_hash == alone.content_hash
    assert read_manifest(tmp_path / "index") == read_manifest(tmp_path / "alone")
    assert steps == [(n, 5) for n in range(6)]
    assert "5 shards: 0 reused, 5 computed" in told[-1]
    queries = ["How was hydrogen first liquefied?", "gold"]
    one, other = (open_index(tmp_path / name) for name in ("alone", "index"))
    assert one.search(queries, 9) == other.search(queries, 9)
    assert verify_index(tmp_path / "index") == found.n_passages
    # Nothing but the index is left.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone", "index"]
    assert {path.name for path in (tmp_path / "index").iterdir()} == {
        path.name for path in (tmp_path / "alone").iterdir()
    }


def test_finished_parts_of_an_interrupted_build_are_used(cluster, told, tmp_path: Path):
    def stop(jobs, done):
        # As if the command had ended after a worker had written its part and its record.
        place = Path(jobs[0].folder).parent / "shards"
        place.mkdir()
        (place / "000000.json").write_text("{}")
        done(build_part(jobs[1]))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_index("bundled", tmp_path / "index", parts=3, runner=stop)
    found = build_index("bundled", tmp_path / "index", parts=3, cluster=cluster)
    assert (found.n_resumed, found.n_parts) == (1, 3)
    assert "2 shards: 0 reused, 2 computed" in told[-1]
    alone = build_index("bundled", tmp_path / "alone", parts=3)
    assert found.content_hash == alone.content_hash


def test_a_part_that_a_lost_worker_completed_is_not_built_again(tmp_path: Path):
    def run(jobs, done):
        record = build_part(jobs[0])
        folder = Path(jobs[0].folder)
        before = folder.stat().st_ino
        output = tmp_path / "record.json"
        assert open_building({})(_pack(jobs[0]), output) == {"passages": record.n_passages}
        assert folder.stat().st_ino == before
        assert type(record).model_validate_json(output.read_bytes()) == record
        done(record)

    build_index("bundled", tmp_path / "index", parts=1, runner=run)


@pytest.mark.slow
@pytest.mark.needs("encoders")
def test_a_dense_index_equals_that_of_one_process(cluster, tmp_path: Path, monkeypatch):
    from llmexam.lm.models.loading import resolve_model

    # A name that is a path from the working folder, as a user may give it.
    monkeypatch.chdir(tmp_path)
    Path("model").symlink_to(resolve_model("bundled").path)
    rows = [f"Element {n} melts at {n * 7} K and boils at {n * 11} K." for n in range(1, 25)]
    Path("notes.txt").write_text("\n\n".join(rows))
    options = {"kind": "dense", "parts": 2, "model": "model", "precision": "fp32"}
    alone = build_index("notes.txt", "alone", **options)
    found = build_index("notes.txt", "index", cluster=cluster, **options)
    assert found.n_parts == 2
    assert found.content_hash == alone.content_hash
    manifest = read_manifest("index")
    assert manifest.encoder is not None
    assert (manifest.encoder.model, manifest.encoder.precision) == ("model", "fp32")
    for part in manifest.parts:
        name = f"{part.folder}/vectors-0.faiss"
        assert Path("index", name).read_bytes() == Path("alone", name).read_bytes()


def test_a_failed_part_is_named_and_nothing_is_replaced(cluster, tmp_path: Path):
    before = build_index("bundled", tmp_path / "index", parts=2).content_hash

    def run(jobs, done):
        Path(jobs[1].files[0].path).write_bytes(b"damaged")
        cluster_runner(cluster, "sparse")(jobs, done)

    with pytest.raises(RunError, match=r"the sparse index, shard \d \(passages .*cannot read the"):
        build_index("bundled", tmp_path / "index", parts=3, runner=run)
    assert read_manifest(tmp_path / "index").content_hash == before


def test_wrong_combinations_are_errors_before_the_corpus_is_read(cluster, tmp_path: Path):
    for options in ({}, {"parts": 2, "runner": lambda jobs, done: None}):
        with pytest.raises(SettingsError, match="a cluster builds an index in parts"):
            build_index("bundled", tmp_path / "index", cluster=cluster, **options)


@pytest.mark.needs("encoders")
def test_a_missing_model_is_an_error_of_the_command(cluster, tmp_path: Path):
    with pytest.raises(ModelError, match="not found"):
        build_index(
            "bundled", tmp_path / "i", kind="dense", model="./none", parts=2, cluster=cluster
        )
