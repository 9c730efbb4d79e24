import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from llmexam.errors import ExamError, ModelError
from llmexam.evaluation.metrics import map_at_k
from llmexam.evidence.index.dense import DenseIndex
from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question
from llmexam.lm.encoding.embedding import load_embedder
from llmexam.lm.models.card import read_card
from llmexam.lm.models.loading import resolve_model
from llmexam.solvers.registry import create_solver
from llmexam.testing import check_trainer
from llmexam.tracking.tracker import NoTracker
from llmexam.training.bi_encoder.rows import columns, contrasts
from llmexam.training.bi_encoder.settings import BiEncoderTrainingSettings
from llmexam.training.registry import create_trainer

FAST = {
    "learning_rate": 1e-2,
    "batch_size": 12,
    "device": "cpu",
    "precision": "fp32",
    "evaluate_every": 1000,
}
N_EPOCHS = {"multiple-negatives": 25, "contrastive": 12, "cosent": 12, "cosine": 25}


def train(base, folder, exam, dev, **settings):
    trainer = create_trainer("bi-encoder", {"model": str(base), **FAST, **settings})
    return trainer.fit(exam, dev, folder, card={}, tracker=NoTracker())


def served(folder, exam):
    return create_solver("bi-encoder", {"model": str(folder), "precision": "fp32"}).score(
        exam.questions
    )


@pytest.mark.slow
def test_the_trainer_keeps_the_contract(tiny_base, tmp_path, make_exam):
    def make(**changes):
        small = {"n_epochs": 2, "log_every": 1, "seed": 5, "checkpoint_every": 2}
        return create_trainer("bi-encoder", {"model": str(tiny_base), **FAST, **small, **changes})

    # A row an option: two passes of 60 rows are one of 120. Losses over lists take the other rows
    # of a pass for negatives, so they depend on its size.
    pairs = {"loss": "cosine", "batch_size": 120, "dropout": 0.0}
    check_trainer(
        make,
        make_exam(24),
        make_exam(100, seed=1),
        tmp_path / "out",
        serve=lambda folder: create_solver(
            "bi-encoder", {"model": str(folder), "precision": "fp32"}
        ),
        accumulate=pairs,
    )


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "n_epochs"), N_EPOCHS.items())
def test_a_skill_is_learnt_and_served(tiny_base, tmp_path, make_exam, loss, n_epochs):
    exam, dev = make_exam(36), make_exam(24, seed=1)
    size = 12 if loss == "multiple-negatives" else 48
    done = train(
        tiny_base, tmp_path / "out", exam, dev, loss=loss, batch_size=size, n_epochs=n_epochs
    )
    before, after = done.card.metrics["before"], done.card.metrics["after"]
    assert before["dev_map_at_3"] + 0.1 < after["dev_map_at_3"]
    assert before["cosine_ap"] < after["cosine_ap"]
    again = served(done.folder, dev)
    np.testing.assert_allclose(again.values, done.dev_scores.values, atol=1e-6)
    assert map_at_k(again.ranking, dev.answers) == after["dev_map_at_3"]


def test_the_cached_loss_is_that_of_one_large_batch(tiny_base, tmp_path, make_exam):
    same = {"n_epochs": 1, "log_every": 1, "dropout": 0.0, "distinct_texts": False}
    losses = []
    for loss in ("multiple-negatives", "cached-multiple-negatives"):
        done = train(
            tiny_base, tmp_path / loss, make_exam(24), None, loss=loss, mini_batch_size=5, **same
        )
        losses.append([point.values["loss"] for point in done.curve])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_the_result_is_a_model_of_sentence_transformers_and_of_a_dense_index(
    tiny_base, tmp_path, make_exam
):
    from sentence_transformers import SentenceTransformer

    done = train(tiny_base, tmp_path / "out", make_exam(12), None, n_epochs=1)
    card = read_card(done.folder)
    assert card == done.card
    assert (card.family, card.base_weights_hash) == (
        "bi-encoder",
        resolve_model(str(tiny_base)).weights_hash,
    )
    assert card.training["loss"] == "multiple-negatives"
    assert not [p for p in done.folder.rglob("*") if p.suffix in (".bin", ".pt", ".pth")]
    assert not (done.folder / "checkpoints").exists()
    texts = ["a1 and b2", "what goes with a3"]
    ours = load_embedder(str(done.folder), precision="fp32")
    theirs = SentenceTransformer(str(done.folder), device="cpu")
    np.testing.assert_allclose(
        ours.encode(texts), theirs.encode(texts, normalize_embeddings=True), atol=1e-5
    )
    index = DenseIndex.build(tmp_path / "index", [Passage("a1 and b1", id="1")], ours)
    assert index.search(["a1"], 1)[0][0].id == "1"


def test_what_is_trained_on_is_what_the_solver_reads(tiny_base, tmp_path, make_exam, monkeypatch):
    """Texts with their prefixes: those of the rows are exactly those that the solver embeds."""
    tiny_base = shutil.copytree(tiny_base, tmp_path / "base")
    config = json.loads((tiny_base / "config_sentence_transformers.json").read_text())
    config["prompts"] = {"query": "what ", "passage": "with "}
    (tiny_base / "config_sentence_transformers.json").write_text(json.dumps(config))
    embedder = load_embedder(str(tiny_base), precision="fp32")
    exam = make_exam(3)
    rows = contrasts(exam.questions, embedder, BiEncoderTrainingSettings(model=str(tiny_base)))
    read = set()
    tokenize = type(embedder)._tokenize
    monkeypatch.setattr(
        type(embedder), "_tokenize", lambda self, texts: read.update(texts) or tokenize(self, texts)
    )
    served(tiny_base, exam)
    assert read == {text for row in rows for text in (row.anchor, row.right, *row.wrong)}
    assert all(row.anchor.startswith("what what goes") for row in rows)
    assert all(row.right.startswith("with b") for row in rows)


def test_rows_of_lists_and_of_pairs(tiny_base):
    embedder = load_embedder(str(tiny_base), precision="fp32")
    exam = [Question("1", "p", ("x", "y", "z"), 1), Question("2", "q", ("v", "w"), 0)]
    lists = BiEncoderTrainingSettings()
    rows = contrasts(exam, embedder, lists)
    assert columns(rows, lists) == {
        "anchor": ["p", "q"],
        "positive": ["y", "v"],
        "negative_1": ["x", "w"],
        "negative_2": ["z", "w"],
    }
    pairs = BiEncoderTrainingSettings(loss="contrastive", n_wrong=1)
    assert columns(contrasts(exam, embedder, pairs), pairs) == {
        "anchor": ["p", "p", "q", "q"],
        "option": ["y", "x", "v", "w"],
        "label": [1, 0, 1, 0],
    }


def test_questions_that_are_answered_by_their_wording_are_left_out(tiny_base, tmp_path, make_exam):
    embedder = load_embedder(str(tiny_base), precision="fp32")
    odd = [
        Question("1", "Which is NOT b1", ("b1", "b2"), 1),
        Question("2", "what", ("b1", "All of the above"), 1),
        Question("3", "what", ("b1", "None of the above"), 0),
        Question("4", "what", ("b1", "b2", "None of the above"), 0),
    ]
    rows = contrasts(odd, embedder, BiEncoderTrainingSettings())
    assert [(row.right, row.wrong) for row in rows] == [("b1", ("b2",))]
    exam = Exam((*make_exam(12).questions, *odd))
    done = train(tiny_base, tmp_path / "out", exam, None, n_epochs=1)
    assert "3 of 16 training questions were skipped" in done.notes[0]
    with pytest.raises(ExamError, match="no question is usable for training"):
        train(tiny_base, tmp_path / "none", Exam(tuple(odd[:2])), None)


def test_evidence_pairs_the_best_sentence_with_prompt_and_option(tiny_base, tmp_path, make_exam):
    embedder = load_embedder(str(tiny_base), precision="fp32")
    passages = (Passage("a2 and b2 . "), Passage("a1 and b1 ."))
    question = Question("1", "what goes with a1", ("b2", "b1"), 1, passages)
    settings = BiEncoderTrainingSettings(reads="evidence")
    (row,) = contrasts([question], embedder, settings)
    assert (row.anchor, row.right) == ("a1 and b1 .", "what goes with a1 b1")
    assert row.wrong == ("what goes with a1 b2",)
    exam = make_exam(24, passages=True)
    done = train(tiny_base, tmp_path / "out", exam, exam, reads="evidence", n_epochs=2)
    np.testing.assert_allclose(served(done.folder, exam).values, done.dev_scores.values, atol=1e-6)


def test_adapters_are_merged_and_hard_negatives_added(tiny_base, tmp_path, make_exam):
    exam, dev = make_exam(24), make_exam(12, seed=1)
    done = train(
        tiny_base, tmp_path / "out", exam, dev, lora={"r": 4}, hard_negatives={"n": 2}, n_epochs=2
    )
    names = {key.partition(".")[0] for key in _keys(done.folder)}
    assert names == {"embeddings", "encoder", "pooler"}
    np.testing.assert_allclose(served(done.folder, dev).values, done.dev_scores.values, atol=1e-5)


def _keys(folder):
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", "pt") as file:
        return list(file.keys())


def test_an_estimate_counts_rows_and_steps(tiny_base, make_exam):
    trainer = create_trainer("bi-encoder", {"model": str(tiny_base), **FAST})
    found = trainer.estimate(make_exam(36))
    assert (found.n_questions, found.n_steps, found.n_truncated) == (36, 12, 0)
    assert found.n_tokens == 36 * (6 + 5 * 3)
    assert found.seconds > 0


@pytest.mark.slow
def test_the_bundled_weights_learn(tmp_path, make_exam):
    """MiniLM sees that 3 goes with 3; that it goes with 8 has to be learnt."""
    exam = Exam(tuple(replace(q, prompt=f"{q.prompt[:-1]}{_far(q.prompt)}") for q in make_exam(40)))
    settings = {"batch_size": 10, "learning_rate": 2e-4, "n_epochs": 6}
    done = train("bundled", tmp_path / "out", exam, exam, **settings)
    metrics = done.card.metrics
    assert metrics["before"]["dev_map_at_3"] + 0.2 < metrics["after"]["dev_map_at_3"]
    np.testing.assert_allclose(served(done.folder, exam).values, done.dev_scores.values, atol=1e-5)


def _far(prompt):
    return (int(prompt[-1]) + 5) % 10


def test_code_beside_the_weights_is_never_run(tiny_base, tmp_path, make_exam):
    """What sentence-transformers 5 imports from a local folder, and what the solver ignored."""
    mark = tmp_path / "it ran"
    (tiny_base / "modeling_x.py").write_text(
        "from sentence_transformers.models import Transformer as Base\n"
        f"open({str(mark)!r}, 'w').close()\n"
        "class Transformer(Base): pass\n",
        "utf-8",
    )
    modules = json.loads((tiny_base / "modules.json").read_text())
    modules[0]["type"] = "modeling_x.Transformer"
    (tiny_base / "modules.json").write_text(json.dumps(modules))
    exam = make_exam(12)
    trainer = create_trainer("bi-encoder", {"model": str(tiny_base), **FAST})
    for load in (
        lambda: trainer.estimate(exam),
        lambda: train(tiny_base, tmp_path / "out", exam, None),
        lambda: served(tiny_base, exam),
        lambda: create_solver("bi-encoder", {"model": str(tiny_base)}).weights_hash,
        lambda: create_solver("causal-lm", {"model": str(tiny_base)}).score(exam.questions),
    ):
        with pytest.raises(ModelError, match=r"modules\.json field '0\.type'.*modeling_x"):
            load()
    assert not mark.exists()
