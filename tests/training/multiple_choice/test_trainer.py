import json

import numpy as np
import pytest
import torch
import transformers

from llmexam.errors import ExamError, ModelError
from llmexam.evaluation.metrics import map_at_k
from llmexam.lm.models.loading import load_tokenizer, resolve_model
from llmexam.lm.readers.reader import load_reader
from llmexam.solvers.registry import create_solver
from llmexam.testing import check_accumulation, check_solver, check_trainer
from llmexam.tracking.tracker import NoTracker
from llmexam.training.base.dev_set import dev_loss
from llmexam.training.base.loop import run_training
from llmexam.training.base.lora import merge_lora
from llmexam.training.multiple_choice.data import ChoiceData
from llmexam.training.multiple_choice.grading import DevScorer
from llmexam.training.multiple_choice.loop import ChoiceTrainer
from llmexam.training.multiple_choice.model import load_trainee
from llmexam.training.registry import create_trainer

LEARNS = {"n_epochs": 8, "learning_rate": 6e-3}


def fit(settings, train, dev, folder, **card):
    trainer = create_trainer("multiple-choice", settings.model_dump())
    return trainer.fit(train, dev, folder, card=card, tracker=NoTracker())


def losses(checkpoint):
    return [p.values["loss"] for p in checkpoint.curve if "loss" in p.values]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, make_exam, settings_for):
    """What training on 380 questions with evidence gives, and its folder."""
    folder = tmp_path_factory.mktemp("trained") / "model"
    return fit(settings_for(**LEARNS), make_exam(384), make_exam(100, seed=1), folder)


@pytest.fixture(scope="module")
def prepared(settings_for, make_exam):
    """Return a function that makes the Trainer of a few steps."""

    def make(folder, n_questions=32, **values):
        settings = settings_for(**values)
        transformers.set_seed(settings.seed)
        trainee = load_trainee(settings)
        data = ChoiceData(make_exam(n_questions), settings, trainee.tokenizer)
        return trainee, ChoiceTrainer(trainee, data, settings, folder)

    return make


def run(trainee_and_trainer, folder, **more):
    _, trainer = trainee_and_trainer
    found = run_training(trainer, folder, trainer._settings, tracker=NoTracker(), **more)
    return [p.values["loss"] for p in found.curve], [p.values["grad_norm"] for p in found.curve]


def served(folder):
    return create_solver("multiple-choice", {"model": str(folder), "precision": "fp32"})


def test_the_trainer_keeps_the_contract(tmp_path, make_exam, settings_for):
    def make(**changes):
        values = {
            "batch_size": 4,
            "gradient_accumulation": 2,
            "checkpoint_every": 3,
            "drop_options": 0.3,
            "evidence_dropout": 0.3,
            "dropout": 0.1,
            "ema_decay": 0.9,
        }
        return create_trainer("multiple-choice", settings_for(**{**values, **changes}).model_dump())

    check_trainer(
        make, make_exam(32), make_exam(100, seed=1), tmp_path, serve=served, tolerance=2e-5
    )


@pytest.mark.parametrize("objective", ["softmax", pytest.param("binary", marks=pytest.mark.slow)])
def test_accumulation_changes_nothing(tmp_path, make_exam, settings_for, objective):
    # 45 questions: the last step of an epoch has fewer passes than the others.
    check_accumulation(
        lambda **values: create_trainer("multiple-choice", settings_for(**values).model_dump()),
        make_exam(45),
        tmp_path,
        n_passes=4,
        batch_size=8,
        objective=objective,
        drop_options=0.3,
        n_epochs=1,
        label_smoothing=0.1,
    )


@pytest.mark.slow
def test_a_skill_is_learned(trained, make_exam):
    curve = [p.values["dev_map_at_3"] for p in trained.curve if "dev_map_at_3" in p.values]
    assert curve[0] < 0.8
    assert max(curve) >= 0.95
    assert trained.card.metrics["after"]["dev_map_at_3"] == max(curve)
    assert losses(trained)[0] == pytest.approx(np.log(4), abs=0.2)
    dev = make_exam(100, seed=1)
    scores = served(trained.folder).score(dev.questions)
    assert map_at_k(scores.ranking, dev.answers) == trained.card.metrics["after"]["dev_map_at_3"]


def test_serving_reads_the_tokens_of_training(trained, make_exam, settings_for):
    exam = make_exam(8)
    solver = create_solver("multiple-choice", {"model": str(trained.folder)})
    tokenizer = load_tokenizer(resolve_model(str(trained.folder)))
    data = ChoiceData(exam, settings_for(), tokenizer)
    seen = []

    class Recorder:
        def score(self, sequences):
            seen.extend((list(s.ids), list(s.types)) for s in sequences)
            return np.zeros((len(sequences), 1), dtype=np.float32)

    solver._scorer = Recorder()
    solver.score(exam.questions)
    given = [[part.tolist() for part in data.read.tokens(i)] for i in range(len(seen))]
    assert [list(pair) for pair in seen] == given
    assert len(given) == len(data.read.ends) - 1


def test_the_result_keeps_the_contract(trained):
    values = {"model": str(trained.folder), "precision": "fp32"}
    check_solver(lambda: create_solver("multiple-choice", values), tolerance=2e-5)


def test_the_folder_says_what_it_is(trained, make_exam, settings_for):
    card = trained.card
    assert (card.family, card.head) == ("multiple-choice", "mean")
    assert card.encoding["max_tokens"] == 32
    assert card.training["batch_size"] == 16
    assert len(card.base_weights_hash) == 64
    assert not list(trained.folder.rglob("*.bin")) + list(trained.folder.rglob("*.pt"))
    assert not (trained.folder / "checkpoints").exists()
    assert any("duplicate" in note for note in trained.notes)
    again = fit(settings_for(**LEARNS), make_exam(4), None, trained.folder)
    assert again.card == card


def test_training_goes_on_from_a_trained_head(trained, make_exam, settings_for, tmp_path):
    settings = settings_for(model=str(trained.folder), max_steps=1, learning_rate=1e-6)
    more = fit(settings, make_exam(32), make_exam(100, seed=1), tmp_path)
    best = trained.card.metrics["after"]["dev_map_at_3"]
    assert more.card.metrics["before"]["dev_map_at_3"] == best
    assert more.card.metrics["after"]["dev_map_at_3"] == pytest.approx(best, abs=0.02)


def test_frozen_weights_do_not_move(tmp_path, prepared):
    trainee, trainer = prepared(
        tmp_path, n_epochs=1, freeze_embeddings=True, freeze_layers=1, weight_decay=0.1
    )
    before = {n: p.detach().clone() for n, p in trainee.reader.named_parameters()}
    run((trainee, trainer), tmp_path)
    moved = {n for n, p in trainee.reader.named_parameters() if not torch.equal(p, before[n])}
    assert moved
    assert not [n for n in moved if "embeddings" in n or "layer.0" in n]
    assert {n for n in before if "layer.1" in n or n.startswith("head")} <= moved


def test_merged_adapters_score_as_the_adapters_do(tmp_path, prepared, make_exam, settings_for):
    trainee, trainer = prepared(tmp_path, n_epochs=2, lora={"r": 4}, learning_rate=2e-2)
    before = {
        n: p.detach().clone() for n, p in trainee.reader.named_parameters() if "base_layer" in n
    }
    run((trainee, trainer), tmp_path)
    assert before
    assert all(
        torch.equal(dict(trainee.reader.named_parameters())[n], p) for n, p in before.items()
    )
    scorer = DevScorer(make_exam(20, seed=2), trainee, settings_for())
    adapted = scorer.score().values
    merge_lora(trainee.reader)
    np.testing.assert_allclose(scorer.score().values, adapted, atol=1e-4)
    trainee.reader.save(tmp_path / "merged")
    plain = load_reader(resolve_model(str(tmp_path / "merged")), head="mean")
    names = [n for n, _ in plain.named_parameters()]
    assert names == [n for n, _ in trainee.reader.named_parameters()]
    assert not np.allclose(adapted, load_scores(prepared, tmp_path, make_exam, settings_for))


def load_scores(prepared, tmp_path, make_exam, settings_for):
    untrained, _ = prepared(tmp_path / "other")
    return DevScorer(make_exam(20, seed=2), untrained, settings_for()).score().values


def test_the_average_is_what_is_given_away(tmp_path, prepared):
    plain, trainer = prepared(tmp_path / "plain", n_epochs=1)
    run((plain, trainer), tmp_path / "plain")
    averaged, trainer = prepared(tmp_path / "average", n_epochs=1, ema_decay=0.99)
    run((averaged, trainer), tmp_path / "average")
    pairs = list(zip(plain.reader.parameters(), averaged.reader.parameters(), strict=True))
    assert not any(torch.equal(a, b) for a, b in pairs if a.ndim > 1)


@pytest.mark.parametrize(
    "values",
    [
        {"adversarial": {"kind": "awp", "from_epoch": 1, "epsilon": 1e-5}},
        pytest.param(
            {"adversarial": {"kind": "fgm", "from_epoch": 1, "epsilon": 1e-5}},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["awp", "fgm"],
)
def test_the_second_pass_begins_when_asked(tmp_path, prepared, values):
    plain = run(prepared(tmp_path / "plain", n_epochs=2), tmp_path / "plain")
    attacked = run(prepared(tmp_path / "attacked", n_epochs=2, **values), tmp_path / "attacked")
    # Two steps an epoch; in the second epoch the gradients of two passes add up.
    assert attacked[1][:2] == plain[1][:2]
    assert attacked[1][2] == pytest.approx(2 * plain[1][2], rel=1e-2)
    assert attacked[0][2] == pytest.approx(plain[0][2])


@pytest.mark.slow
def test_gradient_checkpointing_changes_nothing(tmp_path, prepared):
    plain = run(prepared(tmp_path / "a", n_epochs=1), tmp_path / "a")
    saving = run(prepared(tmp_path / "b", n_epochs=1, gradient_checkpointing=True), tmp_path / "b")
    np.testing.assert_allclose(saving, plain, rtol=1e-5)


def test_a_native_head_is_trained_too(tmp_path, make_exam, settings_for):
    settings = settings_for(head="native", max_steps=2, n_epochs=1)
    found = fit(settings, make_exam(32), make_exam(10, seed=1), tmp_path)
    assert found.card.head == "native"
    solver = create_solver("multiple-choice", {"model": str(tmp_path), "precision": "fp32"})
    scores = solver.score(make_exam(10, seed=1).questions)
    np.testing.assert_allclose(scores.values, found.dev_scores.values, atol=2e-5)
    model = transformers.AutoModelForMultipleChoice.from_pretrained(tmp_path)
    assert model.classifier.weight.shape == (1, 32)


def test_what_cannot_be_trained_on_is_named(tmp_path, make_exam, settings_for):
    exam = make_exam(3)
    blind = type(exam)((*exam.questions[:1], type(exam[0])("x", "which ?", ("w1", "w2"))))
    with pytest.raises(ExamError, match=r"row 2 field 'answer': 1 training question without"):
        fit(settings_for(), blind, None, tmp_path)
    with pytest.raises(ExamError, match="without an answer"):
        fit(settings_for(), exam, blind, tmp_path)
    with pytest.raises(ExamError, match="no training questions"):
        fit(settings_for(), type(exam)(()), None, tmp_path)
    with pytest.raises(ModelError, match=r"at most 64, the model's limit, got 65"):
        fit(settings_for(encoding={"max_tokens": 65}), exam, None, tmp_path)
    assert not (tmp_path / "llmexam.json").exists()


def test_an_estimate_counts_exactly(make_exam, settings_for, base_folder):
    exam = make_exam(40)
    settings = settings_for(n_epochs=3, batch_size=4, gradient_accumulation=2, max_steps=None)
    trainer = create_trainer("multiple-choice", settings.model_dump())
    found = trainer.estimate(exam)
    tokenizer = load_tokenizer(resolve_model(str(base_folder)))
    data = ChoiceData(exam, settings, tokenizer)
    assert found.n_questions == len(data) < 40
    assert found.n_tokens == len(data.read.ids)
    assert found.n_steps == 15
    assert found.n_truncated == 0
    assert found.seconds > 0
    assert found.peak_mb > 10
    told, even = found.details["first loss"].split("; equal scores give ")
    assert float(told) == pytest.approx(float(even), abs=0.2)
    cut = settings_for(encoding={"max_tokens": 16, "evidence": "whole"})
    long = exam.with_passages([[q.passages[0], *q.passages * 4] for q in exam])
    shorter = create_trainer("multiple-choice", cut.model_dump()).estimate(long)
    assert shorter.n_truncated == len(data)
    assert 0 < shorter.share_cut < 1


def test_dev_losses_are_those_of_training(make_exam):
    from llmexam.exam.scores import ScoreMatrix
    from llmexam.training.base.losses import choice_objective

    exam = make_exam(6)
    values = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    scores = ScoreMatrix.from_rows(exam.ids, values)
    for objective in ("softmax", "binary"):
        outputs = {"logits": torch.from_numpy(values)}
        expected = choice_objective(objective)(outputs, torch.from_numpy(exam.answers))
        assert dev_loss(objective)(scores, exam) == pytest.approx(expected.item(), rel=1e-5)


def test_a_checkpoint_holds_no_more_than_is_needed(tmp_path, prepared):
    trainer = prepared(tmp_path, n_epochs=1, checkpoint_every=1, max_steps=1)
    run(trainer, tmp_path)
    checkpoint = tmp_path / "checkpoints" / "checkpoint-1"
    assert json.loads((checkpoint / "trainer_state.json").read_text())["global_step"] == 1
    assert (checkpoint / "model.safetensors").is_file()
