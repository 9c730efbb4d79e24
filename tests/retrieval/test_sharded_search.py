"""Evidence that a cluster finds is the same as that of one process."""

from dataclasses import replace
from pathlib import Path

import pytest

from llmexam.errors import EvidenceIndexError
from llmexam.evidence.index.manifest import read_manifest
from llmexam.evidence.reranker import RerankerSettings, load_reranker
from llmexam.exam.exam import Exam
from llmexam.exam.loading import load_exam
from llmexam.exam.question import Passage
from llmexam.lm.models.loading import resolve_model
from llmexam.retrieval import search, sharded_search
from llmexam.retrieval.build import build_index
from llmexam.retrieval.search import attach_evidence
from llmexam.retrieval.sharded_search import attach_in_shards

FORM = {"query_form": "prompt+each-option", "k": 3}


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    for module in (search, sharded_search):
        monkeypatch.setattr(module, "QUESTIONS_A_CALL", 16)


@pytest.fixture(scope="module")
def exam() -> Exam:
    """The questions of two shards; some have passages of their own."""
    return Exam(
        tuple(
            replace(
                question,
                passages=(Passage("given", "Own", "own", 0.1),) if number % 10 == 0 else (),
            )
            for number, question in enumerate(load_exam("bundled").questions[:24])
        )
    )


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "index"
    build_index("bundled", folder)
    return folder


@pytest.mark.parametrize("given", ["keep", "drop", "append"])
def test_passages_and_scores_equal_those_of_one_process(
    cluster, told, exam, index, tmp_path: Path, given
):
    alone = attach_evidence(exam, index, given=given, **FORM)
    steps = []
    found = attach_in_shards(
        exam, [index], cluster, tmp_path, given=given, progress=lambda *n: steps.append(n), **FORM
    )
    assert found == alone
    # Questions that keep their passages are not searched for, and do not count as done.
    n = 21 if given == "keep" else 24
    assert steps == [(16, n), (n, n)] or steps == [(n - 16, n), (n, n)]
    assert "search: 2 shards: 0 reused, 2 computed" in told[-1]


def test_finished_shards_are_used_again_unless_the_index_has_changed(
    cluster, told, exam, tmp_path: Path
):
    folder = tmp_path / "index"
    build_index("bundled", folder)
    shards = tmp_path / "shards"
    first = attach_in_shards(exam, [folder], cluster, shards, given="keep", **FORM)
    (shards / "000001.jsonl").write_text("damaged")
    again = attach_in_shards(exam, [folder], cluster, shards, given="keep", **FORM)
    assert again == first
    assert "1 reused, 1 computed" in told[-1]
    other = tmp_path / "other.txt"
    other.write_text("Gold melts at 1337 K.")
    build_index([other], folder)
    found = attach_in_shards(exam, [folder], cluster, shards, given="keep", **FORM)
    assert "0 reused, 2 computed" in told[-1]
    assert found == attach_evidence(exam, folder, **FORM) != first


def test_all_calls_of_one_process_have_the_questions_of_a_shard(exam, index, monkeypatch):
    sizes = []
    attach = search.attach_passages

    def count(some, *arguments, **options):
        sizes.append(len(some))
        return attach(some, *arguments, **options)

    monkeypatch.setattr(search, "attach_passages", count)
    steps = []
    attach_evidence(exam, index, progress=lambda *n: steps.append(n))
    assert sizes == [16, 5]
    assert steps == [(16, 21), (21, 21)]
    assert attach_evidence(Exam(()), index) == Exam(())


def test_a_faulty_index_is_an_error_of_the_command(cluster, exam, tmp_path: Path):
    with pytest.raises(EvidenceIndexError, match="not an index"):
        attach_in_shards(exam, [tmp_path / "none"], cluster, tmp_path, given="keep", **FORM)


@pytest.mark.slow
@pytest.mark.needs("encoders")
def test_a_bi_encoder_and_a_reranker_get_the_batches_of_one_process(
    cluster, exam, tmp_path: Path, monkeypatch
):
    import torch

    from llmexam.lm.models.loading import load_tokenizer
    from llmexam.lm.readers.reader import load_reader

    body = resolve_model("bundled")
    torch.manual_seed(0)
    reader = load_reader(body, head="native", task="classification", new_head=True)
    reader.save(tmp_path / "reranker")
    load_tokenizer(body).save_pretrained(str(tmp_path / "reranker"))
    build_index("bundled", tmp_path / "sparse")
    # Workers start in another folder than that of the relative paths below.
    first = Exam(exam.questions[1:2])
    attach_in_shards(first, [tmp_path / "sparse"], cluster, tmp_path / "a", given="drop", **FORM)
    monkeypatch.chdir(tmp_path)
    Path("model").symlink_to(body.path)
    build_index("bundled", "dense", kind="dense", model="model", precision="fp32")
    reranker = RerankerSettings(model="./reranker", depth=5, precision="fp32")
    assert read_manifest("dense").encoder is not None
    for model in ("model", None):
        options = {"query_form": "prompt", "k": 2, "given": "drop", "model": model}
        both = ["dense", "sparse"]
        alone = attach_evidence(exam, both, reranker=load_reranker(reranker), **options)
        shards = tmp_path / f"shards {model}"
        found = attach_in_shards(exam, both, cluster, shards, reranker=reranker, **options)
        assert found == alone
