"""`solve` and `run` with a cluster write the same files as without one."""

import pytest

import llmexam as lx
from llmexam.errors import EvidenceIndexError, SettingsError
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.exam.question import Passage, Question
from llmexam.retrieval.build import build_index
from llmexam.stages.sharding.cluster import Cluster, ClusterSettings
from llmexam.workflows.solve import shards_folder, solve

BUNDLED = read_exam("bundled")
EXAM = Exam(
    tuple(
        Question(f"{turn}-{one.id}", one.prompt, one.options, one.answer, (Passage(one.prompt),))
        for turn in range(5)
        for one in BUNDLED
    )
)


TOLD = []


@pytest.fixture(scope="module")
def workers():
    """One cluster for all tests: starting a worker costs more than its work."""
    made = Cluster(ClusterSettings(address="processes", workers=2), TOLD.append)
    yield made
    made.close()


@pytest.fixture
def told():
    TOLD.clear()
    return TOLD


@pytest.fixture
def cluster(workers, told):
    return workers


def test_the_score_file_and_submission_are_the_same_bytes(cluster, tmp_path):
    alone, shared = tmp_path / "alone.parquet", tmp_path / "shared.parquet"
    solve(EXAM, "lexical", out=alone, submission=tmp_path / "alone.csv")
    solve(EXAM, "lexical", out=shared, submission=tmp_path / "shared.csv", cluster=cluster)
    assert shared.read_bytes() == alone.read_bytes()
    assert (tmp_path / "shared.csv").read_bytes() == (tmp_path / "alone.csv").read_bytes()
    assert not shards_folder(shared).exists()


def test_evidence_for_solve_is_found_in_shards(cluster, told, tmp_path):
    some = Exam(BUNDLED.questions[:30])
    build_index("bundled", tmp_path / "index")
    options = {"indexes": [tmp_path / "index"], "k": 2, "given": "drop"}
    alone, shared = tmp_path / "alone.parquet", tmp_path / "shared.parquet"
    solve(some, "lexical", out=alone, **options)
    solve(some, "lexical", out=shared, cluster=cluster, **options)
    assert shared.read_bytes() == alone.read_bytes()
    assert any(one.startswith("search: 1 shard") for one in told)
    assert not shards_folder(shared).exists()
    with pytest.raises(EvidenceIndexError, match="not an index"):
        solve(some, "lexical", out=tmp_path / "no.parquet", cluster=cluster, indexes=[tmp_path])
    assert not shards_folder(tmp_path / "no.parquet").exists()


def test_an_interrupted_call_resumes(cluster, told, tmp_path):
    out = tmp_path / "scores.parquet"

    def stop(n_done, n_all):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solve(EXAM, "lexical", out=out, cluster=cluster, progress=stop)
    assert not out.exists()
    assert list(shards_folder(out).glob("*.done.json"))
    solve(EXAM, "lexical", out=out, cluster=cluster)
    assert "scores of lexical: 3 shards: 0 reused" not in told[-1]
    assert not shards_folder(out).exists()


def test_a_cluster_needs_an_output_and_a_fitting_solver(cluster, tmp_path):
    with pytest.raises(SettingsError, match="--out or --submission"):
        solve(EXAM, "lexical", cluster=cluster)
    with pytest.raises(SettingsError, match="uses the scores of other solvers"):
        solve(
            EXAM,
            "cascade",
            {"first": "lexical", "second": "longest"},
            out=tmp_path / "s.parquet",
            cluster=cluster,
        )
    assert list(tmp_path.iterdir()) == []


def test_a_run_has_the_same_results(cluster, told, tmp_path):
    plan = {
        "exam": {"path": "bundled", "limit": 20},
        "evidence": {"corpus": "bundled", "k": 2},
        "solvers": ["lexical", "longest", {"cascade": {"first": "lexical", "second": "longest"}}],
        "evaluation": {"n_resamples": 100},
    }
    lx.run(plan, tmp_path / "alone")
    lx.run(plan, tmp_path / "shared", cluster=cluster)
    names = [f"scores/{name}.parquet" for name in ("lexical", "longest", "cascade", "ensemble")]
    names += ["explanations/lexical.json", "positions/lexical.json", "submission.csv"]
    names += ["evidence.jsonl"]
    for name in (*names, "metrics.json"):
        alone, shared = (tmp_path / folder / name for folder in ("alone", "shared"))
        assert shared.read_bytes() == alone.read_bytes(), name
    assert any("CascadeSolver runs in this process" in one for one in told)
    assert any(one.startswith("explanations of lexical: 1 shard") for one in told)
    assert any(one.startswith("search: 1 shard") for one in told)
    assert not (tmp_path / "shared" / "shards").exists()
    with pytest.raises(SettingsError, match="a time limit or a cluster, got both"):
        lx.run(plan, tmp_path / "both", cluster=cluster, time_limit="1m")
    # The stages do not depend on where they were computed.
    told.clear()
    lx.run(plan, tmp_path / "alone", cluster=cluster)
    assert told == []
