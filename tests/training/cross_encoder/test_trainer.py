import numpy as np
import pytest

from llmexam.errors import ExamError, ModelError, SettingsError
from llmexam.evaluation.metrics import map_at_k
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.lm.models.card import EvidenceOrigin, read_card
from llmexam.lm.models.loading import resolve_model
from llmexam.lm.readers.text_pairs import encode_pairs
from llmexam.solvers.cross_encoder.encoding import CrossEncoderEncoding
from llmexam.solvers.readers.encoding import option_pairs
from llmexam.solvers.registry import create_solver
from llmexam.testing import check_solver, check_trainer
from llmexam.tracking.tracker import NoTracker
from llmexam.training.cross_encoder.settings import CrossEncoderTrainingSettings
from llmexam.training.cross_encoder.trainer import encode_exam
from llmexam.training.pairs.training import load_trainee, make_trainer
from llmexam.training.registry import create_trainer

FAST = {
    "learning_rate": 3e-3,
    "n_epochs": 6,
    "batch_size": 8,
    "device": "cpu",
    "precision": "fp32",
    "evaluate_every": 1000,
    "encoding": {"max_tokens": 48},
}


def train(base, folder, exam, dev, *, card=None, **settings):
    trainer = create_trainer("cross-encoder", {"model": str(base), **FAST, **settings})
    return trainer.fit(exam, dev, folder, card=card or {}, tracker=NoTracker())


def serve(folder, **settings):
    return create_solver("cross-encoder", {"model": str(folder), "precision": "fp32", **settings})


@pytest.mark.parametrize(
    ("loss", "head"),
    [
        pytest.param("listnet", "native", marks=pytest.mark.slow),
        *(
            pytest.param(loss, "mean", marks=pytest.mark.slow)
            for loss in ("binary", "lambda", "plistmle")
        ),
    ],
)
def test_a_skill_is_learnt_and_served(tiny_base, tmp_path, make_exam, loss, head):
    dev = make_exam(24, seed=1)
    size = 32 if loss == "binary" else 8
    done = train(
        tiny_base, tmp_path / "out", make_exam(64), dev, loss=loss, head=head, batch_size=size
    )
    before, after = (done.card.metrics[when]["dev_map_at_3"] for when in ("before", "after"))
    assert before < 0.8 < after
    again = serve(done.folder).score(dev.questions)
    np.testing.assert_allclose(again.values, done.dev_scores.values, atol=1e-5)
    assert map_at_k(again.ranking, dev.answers) == after
    assert read_card(done.folder) == done.card
    assert (done.card.family, done.card.head) == ("cross-encoder", head)


@pytest.mark.slow
def test_the_trainer_keeps_the_contract(tiny_base, tmp_path, make_exam):
    def make(**changes):
        small = {"n_epochs": 2, "log_every": 1, "seed": 5, "checkpoint_every": 2}
        values = {"model": str(tiny_base), **FAST, **small, **changes}
        return create_trainer("cross-encoder", values)

    same = {"loss": "listnet", "dropout": 0.0}
    dev = make_exam(100, seed=1)
    check_trainer(make, make_exam(24), dev, tmp_path / "out", serve=serve, accumulate=same)


@pytest.mark.parametrize("loss", ["binary", "listnet"])
def test_what_is_trained_on_is_what_the_solver_reads(tiny_base, tmp_path, make_exam, loss):
    """The ids of each batch are those of `encode_pairs`, pair by pair."""
    settings = CrossEncoderTrainingSettings.parse(
        {"model": str(tiny_base), **FAST, "loss": loss}, subject="training"
    )
    exam = make_exam(8)
    trainee = load_trainee(settings, 48)
    trainer = make_trainer(
        trainee, encode_exam(exam, settings.encoding, trainee), settings, tmp_path
    )
    seen, preprocess = [], type(trainer.model).preprocess

    def remember(self, inputs, *args, **kwargs):
        found = preprocess(self, inputs)
        seen.append(found)
        return found

    type(trainer.model).preprocess, kept = remember, preprocess
    try:
        for batch in trainer.get_train_dataloader():
            trainer.compute_loss(trainer.model, batch)
    finally:
        type(trainer.model).preprocess = kept
    trained = {
        tuple(ids.tolist())
        for batch in seen
        for ids in batch["ids"].split(batch["lengths"].tolist())
    }
    pairs = [pair for q in exam for pair in option_pairs(q, CrossEncoderEncoding())]
    assert trained == {tuple(p.ids) for p in encode_pairs(pairs, trainee.tokenizer, 48)}


def test_the_solver_keeps_the_contract(tiny_base, tmp_path, make_exam):
    done = train(tiny_base, tmp_path / "out", make_exam(8), None, n_epochs=1)
    check_solver(lambda: serve(done.folder), tolerance=1e-5)
    solver = serve(done.folder)
    assert solver.weights_hash == resolve_model(str(done.folder)).weights_hash
    long = Question("1", "which is good " * 40, ("b0", "b1"), 0)
    assert solver.score([long, make_exam(1)[0]]).truncated.tolist() == [True, False]


def test_a_native_head_loads_with_sentence_transformers(tiny_base, tmp_path, make_exam):
    from sentence_transformers import CrossEncoder

    exam = make_exam(12)
    done = train(tiny_base, tmp_path / "out", exam, exam, head="native", n_epochs=1)
    pairs = [pair for q in exam for pair in option_pairs(q, CrossEncoderEncoding())]
    theirs = CrossEncoder(str(done.folder), device="cpu").predict(
        [(pair.first, pair.second) for pair in pairs],
        activation_fn=_Same(),
        show_progress_bar=False,
    )
    np.testing.assert_allclose(theirs, done.dev_scores.values.ravel(), atol=1e-5)


def _Same():  # noqa: N802 - stands for a class of torch
    import torch

    return torch.nn.Identity()


def test_the_card_tells_the_evidence_and_a_blind_encoding_takes_any(tiny_base, tmp_path, make_exam):
    origin = EvidenceOrigin(source="given")
    told = {"evidence": origin}
    done = train(tiny_base, tmp_path / "1", make_exam(8), None, card=told, n_epochs=1)
    assert serve(done.folder).trained_on_evidence == origin
    blind = {"max_tokens": 48, "evidence": "none"}
    done = train(
        tiny_base, tmp_path / "2", make_exam(8), None, card=told, n_epochs=1, encoding=blind
    )
    assert serve(done.folder).trained_on_evidence is None


def test_adapters_are_merged(tiny_base, tmp_path, make_exam):
    dev = make_exam(8, seed=1)
    done = train(tiny_base, tmp_path / "out", make_exam(16), dev, lora={"r": 4}, n_epochs=1)
    again = serve(done.folder).score(dev.questions)
    np.testing.assert_allclose(again.values, done.dev_scores.values, atol=1e-5)


def test_an_estimate_counts_pairs_and_steps(tiny_base, make_exam):
    found = create_trainer("cross-encoder", {"model": str(tiny_base), **FAST}).estimate(
        make_exam(20)
    )
    assert (found.n_questions, found.n_steps, found.details["pairs"]) == (20, 18, "80")
    assert found.seconds > 0


def test_what_cannot_be_trained_is_refused(tiny_base, tmp_path, make_exam):
    unanswered = Exam((Question("1", "p", ("a", "b")),))
    with pytest.raises(
        ExamError, match=r"row 1 field 'answer': 1 training question without an answer"
    ):
        train(tiny_base, tmp_path / "1", unanswered, None)
    with pytest.raises(ModelError, match="of at most 64, the model's limit"):
        train(tiny_base, tmp_path / "2", make_exam(4), None, encoding={"max_tokens": 65})
    with pytest.raises(SettingsError, match="was not trained for solver 'cross-encoder'"):
        serve(tiny_base).score(make_exam(1).questions)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["listnet", "binary"])
def test_the_bundled_weights_learn(tmp_path, make_exam, loss):
    """MiniLM with a head over the mean of its tokens learns a word in a few steps."""
    exam, dev = make_exam(48), make_exam(16, seed=1)
    done = train(
        "bundled",
        tmp_path / "out",
        exam,
        dev,
        loss=loss,
        batch_size=8 if loss == "listnet" else 32,
        learning_rate=1e-4,
        head_learning_rate=3e-3,
        n_epochs=3,
    )
    assert done.card.metrics["after"]["dev_map_at_3"] > 0.9
    again = serve(done.folder).score(dev.questions)
    np.testing.assert_allclose(again.values, done.dev_scores.values, atol=1e-5)
