import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from llmexam.errors import ExamError, ModelError, RunError, SettingsError
from llmexam.evaluation.metrics import map_at_k
from llmexam.solvers.prompts.template import read_template
from llmexam.solvers.registry import create_solver
from llmexam.testing import check_accumulation, check_resume, check_solver, check_trainer
from llmexam.tracking.tracker import NoTracker
from llmexam.training.base.dev_set import DevSet
from llmexam.training.base.loop import run_training
from llmexam.training.base.progress import ProgressBar
from llmexam.training.causal_lm.grading import DevScorer
from llmexam.training.causal_lm.loop import DecoderTrainer
from llmexam.training.causal_lm.model import load_trainee, save_trained
from llmexam.training.prompts.examples import ExampleMaker, Examples
from llmexam.training.registry import create_trainer

CHANCE = 11 / 30
OBJECTIVES = [
    ("answer", "options"),
    ("option-likelihood", "options"),
    ("binary-head", "binary-head"),
    ("binary", "yes-no"),
]


def fit(settings, train, dev, folder):
    trainer = create_trainer("causal-lm", settings.model_dump())
    return trainer.fit(train, dev, folder, card={}, tracker=NoTracker())


def prepare(settings, exam, folder):
    transformers.set_seed(settings.seed)
    trainee = load_trainee(settings)
    maker = ExampleMaker(settings, trainee.tokenizer, trainee.longest)
    examples = Examples(exam, settings, maker)
    return trainee, DecoderTrainer(trainee, examples, settings, folder)


def steps(prepared, folder, settings, **more):
    """Loss and gradient norm of each step."""
    found = run_training(prepared[1], folder, settings, tracker=NoTracker(), **more)
    return [[p.values[name] for p in found.curve] for name in ("loss", "grad_norm")]


def solver_for(checkpoint, **more):
    values = {"model": str(checkpoint.folder), "precision": "fp32", **more}
    return create_solver("causal-lm", values)


def maker(settings_for, mode="options", **values):
    """Return a function that makes trainers, as `check_trainer` calls it."""

    def make(**changes):
        return create_trainer("causal-lm", settings_for(mode, **{**values, **changes}).model_dump())

    return make


@pytest.fixture(scope="module")
def trained(tmp_path_factory, make_exam, settings_for):
    folder = tmp_path_factory.mktemp("trained") / "model"
    settings = settings_for(n_epochs=3, batch_size=16, learning_rate=1e-2)
    return fit(settings, make_exam(320), make_exam(60, seed=1), folder)


def test_the_template_is_the_one_that_was_trained_with(
    tmp_path, make_exam, settings_for, templates, monkeypatch
):
    mine = tmp_path / "mine.yaml"
    began = Path(templates["options"]).read_text()
    mine.write_text(began)
    settings = settings_for(encoding={"template": str(mine)}, max_steps=3, checkpoint_every=1)
    stopped = tmp_path / "stopped"

    def edit_and_stop(self, args, state, control, **kwargs):
        mine.write_text(began.replace("{{ prompt }}", "{{ prompt }} edited"))
        if state.global_step == 2 and not edited:
            edited.append(True)
            raise KeyboardInterrupt

    edited = []
    monkeypatch.setattr(ProgressBar, "on_step_begin", edit_and_stop, raising=False)
    with pytest.raises(KeyboardInterrupt):
        fit(settings, make_exam(24), make_exam(4, seed=1), stopped)
    with pytest.raises(RunError, match=r"mine\.yaml: the template has changed"):
        fit(settings, make_exam(24), make_exam(4, seed=1), stopped)
    mine.write_text(began)
    found = fit(settings, make_exam(24), make_exam(4, seed=1), stopped)
    assert "edited" in mine.read_text()
    assert (found.folder / "template.yaml").read_text() == began
    assert "edited" not in solver_for(found).prompts(make_exam(1).questions)[0][0]


@pytest.mark.slow
@pytest.mark.parametrize("lora", [None, {"r": 8}], ids=["full", "lora"])
@pytest.mark.parametrize(("objective", "mode"), OBJECTIVES[:3], ids=["sft", "likelihood", "head"])
def test_a_skill_is_learned_from_scratch(tmp_path, make_exam, settings_for, objective, mode, lora):
    # Random weights stay as they are under adapters, so it takes longer.
    rate, n_epochs = (3e-3, 4) if lora is None else (1e-2, 8)
    settings = settings_for(
        mode, objective=objective, n_epochs=n_epochs, batch_size=32, learning_rate=rate, lora=lora
    )
    found = fit(settings, make_exam(1024), make_exam(200, seed=1), tmp_path)
    assert found.card.metrics["before"]["dev_map_at_3"] == pytest.approx(CHANCE, abs=0.1)
    assert found.card.metrics["after"]["dev_map_at_3"] >= 0.95


STOPPED = {
    "n_epochs": 2,
    "batch_size": 4,
    "gradient_accumulation": 2,
    "checkpoint_every": 2,
    "option_order": "shuffled",
    "schedule": "cosine",
}


def test_the_trainer_keeps_the_contract(tmp_path, make_exam, settings_for):
    check_trainer(
        maker(settings_for, objective="option-likelihood", **STOPPED),
        make_exam(24),
        make_exam(100, seed=1),
        tmp_path,
        serve=lambda folder: create_solver(
            "causal-lm", {"model": str(folder), "precision": "fp32"}
        ),
        tolerance=1e-4,
    )


@pytest.mark.slow
def test_a_skill_is_learned_in_seconds(trained, make_exam):
    dev = make_exam(60, seed=1)
    scores = solver_for(trained).score(dev.questions)
    assert map_at_k(scores.ranking, dev.answers) == trained.card.metrics["after"]["dev_map_at_3"]
    assert trained.card.metrics["before"]["dev_map_at_3"] == pytest.approx(CHANCE, abs=0.15)
    assert trained.card.metrics["after"]["dev_map_at_3"] > 0.8


def test_what_the_user_sets_stays(trained):
    values = {"model": str(trained.folder), "norm": "token", "template": "options"}
    solver = create_solver("causal-lm", values)
    assert solver.template == read_template("options")
    assert (solver.settings.norm, solver.settings.max_tokens) == ("token", 64)
    assert solver_for(trained).settings.norm == "sum"


def test_the_result_keeps_the_contract(trained):
    # Its questions are longer than those of the training.
    check_solver(lambda: solver_for(trained, max_tokens=1024), tolerance=1e-4)


def test_the_folder_says_what_it_is(trained):
    card = trained.card
    assert card.family == "causal-lm"
    assert card.encoding["template"] == "template.yaml"
    assert card.training["objective"] == "answer"
    assert len(card.base_weights_hash) == 64
    names = {path.name for path in trained.folder.iterdir()}
    assert {"model.safetensors", "tokenizer.json", "llmexam.json", "README.md"} <= names
    assert not {"checkpoints", "best"} & names
    assert not [p for p in trained.folder.rglob("*") if p.suffix in (".bin", ".pt")]


@pytest.mark.parametrize(
    ("objective", "mode"),
    # `check_trainer` above accumulates by the objective `answer`.
    [
        pytest.param(*one, marks=[] if one[0] == "binary-head" else pytest.mark.slow)
        for one in OBJECTIVES
    ],
    ids=[objective for objective, _ in OBJECTIVES],
)
def test_accumulation_changes_nothing(tmp_path, make_exam, settings_for, objective, mode):
    # Answers of one to three words, so that passes differ in the tokens they ask for.
    questions = (
        replace(question, id=f"{n}-{question.id}")
        for n in (1, 2, 3)
        for question in make_exam(7, seed=n, n_words=n)
    )
    exam = type(make_exam(1))(tuple(questions))
    make = maker(settings_for, mode, objective=objective)
    check_accumulation(make, exam, tmp_path, n_passes=4, batch_size=8)


@pytest.mark.slow
def test_a_stopped_training_of_adapters_goes_on(tmp_path, make_exam, settings_for):
    make = maker(settings_for, **STOPPED, lora={"r": 2, "dropout": 0.1})
    exam = make_exam(16)
    whole = make().fit(exam, None, tmp_path / "whole", card={}, tracker=NoTracker())
    check_resume(make, exam, None, tmp_path / "killed", whole)


def test_checkpoints_of_adapters_hold_no_other_weights(tmp_path, make_exam, settings_for):
    settings = settings_for(**STOPPED, lora={"r": 2})
    prepared = prepare(settings, make_exam(16), tmp_path)
    steps(prepared, tmp_path, settings)
    names = {path.name for path in (tmp_path / "checkpoints" / "checkpoint-2").iterdir()}
    assert "adapter_model.safetensors" in names
    assert "model.safetensors" not in names


def test_adapters_are_merged(tmp_path, make_exam, settings_for):
    settings = settings_for(lora={"r": 4}, learning_rate=3e-2)
    trainee, trainer = prepare(settings, make_exam(32), tmp_path)
    linear = [
        name
        for name, module in trainee.decoder.named_modules()
        if isinstance(module, torch.nn.Linear) and "lora" not in name and "base_layer" not in name
    ]
    assert linear == ["lm_head"]  # every other one has an adapter
    frozen = {n: p.clone() for n, p in trainee.model.named_parameters() if not p.requires_grad}
    steps((trainee, trainer), tmp_path, settings)
    named = dict(trainee.model.named_parameters())
    assert all(torch.equal(named[n], p) for n, p in frozen.items())
    dev = make_exam(20, seed=2)
    adapted = DevScorer(dev, trainee, settings).score().values
    save_trained(trainee, tmp_path / "merged")
    trainee.tokenizer.save_pretrained(tmp_path / "merged")
    base = load_trainee(settings.model_copy(update={"lora": None}))
    whole = load_trainee(
        settings.model_copy(update={"model": str(tmp_path / "merged"), "lora": None})
    )
    again = DevScorer(dev, whole, settings).score().values
    np.testing.assert_allclose(again, adapted, atol=1e-4)
    assert not np.allclose(again, DevScorer(dev, base, settings).score().values)
    assert (tmp_path / "merged" / "adapter" / "adapter_model.safetensors").is_file()


def test_adapters_of_a_bf16_training_are_added_in_32_bits(tmp_path, make_exam, settings_for):
    settings = settings_for(lora={"r": 4}, precision="bf16", learning_rate=1e-4)
    trainee, trainer = prepare(settings, make_exam(16), tmp_path)
    steps((trainee, trainer), tmp_path, settings)
    layer = trainee.decoder.model.layers[0].mlp.up_proj
    change = layer.scaling["default"] * (
        layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    )
    save_trained(trainee, tmp_path / "merged")
    base, after = (
        transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        for folder in (settings.model, tmp_path / "merged")
    )
    before = base.model.layers[0].mlp.up_proj.weight
    found = after.model.layers[0].mlp.up_proj.weight
    # Smaller than what bf16 tells apart.
    assert 0 < change.abs().max() < before.abs().max() * 2**-8
    torch.testing.assert_close(found - before, change, atol=1e-7, rtol=1e-3)
    assert torch.equal(base.lm_head.weight, after.lm_head.weight)


@pytest.mark.parametrize(
    "lora", [pytest.param(None, marks=pytest.mark.slow), {"r": 2}], ids=["full", "lora"]
)
def test_gradient_checkpointing_changes_nothing(tmp_path, make_exam, settings_for, lora):
    found = []
    for saving in (False, True):
        folder = tmp_path / str(saving)
        settings = settings_for(
            objective="option-likelihood", gradient_checkpointing=saving, lora=lora
        )
        found.append(steps(prepare(settings, make_exam(16), folder), folder, settings))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)


def test_weights_that_are_trained_have_32_bits(tmp_path, make_exam, settings_for, base_folder):
    half = transformers.AutoModelForCausalLM.from_pretrained(base_folder, dtype=torch.bfloat16)
    half.save_pretrained(tmp_path / "half")
    tokenizer = transformers.AutoTokenizer.from_pretrained(base_folder)
    tokenizer.save_pretrained(tmp_path / "half")
    settings = settings_for(model=str(tmp_path / "half"), precision="bf16")
    full = load_trainee(settings).model
    assert {p.dtype for p in full.parameters()} == {torch.float32}
    lora = settings_for(model=str(tmp_path / "half"), precision="bf16", lora={"r": 2})
    model = load_trainee(lora).model
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
    assert {p.dtype for p in model.parameters() if not p.requires_grad} == {torch.bfloat16}
    found = fit(lora, make_exam(16), make_exam(8, seed=1), tmp_path / "out")
    config = json.loads((found.folder / "config.json").read_text())
    assert config["dtype"] == "bfloat16"
    assert any("bfloat16" in note for note in found.notes)


@pytest.mark.parametrize("lora", [None, {"r": 2}], ids=["full", "lora"])
def test_a_body_without_its_head_is_not_trained(tmp_path, settings_for, base_folder, lora):
    # The head over tokens would be a random one, and another in each process.
    body = transformers.AutoModel.from_pretrained(base_folder)
    body.save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(base_folder).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"weights are missing for 'lm_head\.weight'"):
        load_trainee(settings_for(model=str(tmp_path), lora=lora))


def test_what_does_not_go_together_is_named(tmp_path, make_exam, settings_for):
    exam = make_exam(4)
    for mode, values, told in (
        ("options", {"quantise": "nf4"}, "quantise"),
        ("options", {"objective": "binary"}, "does not support template"),
        ("yes-no", {"objective": "binary-head"}, "template of mode binary-head"),
        ("binary-head", {}, "does not support template"),
        ("options", {"label_smoothing": 0.1}, "label_smoothing"),
        ("options", {"lora": {"targets": ["nothing"]}}, "lora.targets"),
        ("options", {"deepspeed": str(tmp_path / "none.json")}, "deepspeed"),
        ("options", {"deepspeed": "zero3"}, "unknown DeepSpeed settings .zero3.*zero2"),
    ):
        with pytest.raises(SettingsError, match=told):
            fit(settings_for(mode, **values), exam, None, tmp_path)
    blind = type(exam)((type(exam[0])("x", "which ?", ("w1", "w2")),))
    with pytest.raises(ExamError, match="without an answer"):
        fit(settings_for(), blind, None, tmp_path)
    assert not (tmp_path / "llmexam.json").exists()


@pytest.mark.parametrize(("objective", "mode"), OBJECTIVES[1:3], ids=["likelihood", "head"])
def test_dev_questions_share_tokens_while_training_rounds(
    tmp_path, make_exam, settings_for, caplog, objective, mode
):
    settings = settings_for(mode, objective=objective, precision="bf16", evaluate_every=2)
    fit(settings, make_exam(16), make_exam(8, seed=1), tmp_path)
    assert "cannot reuse" not in caplog.text


def test_dev_chooses_the_best_step(tmp_path, make_exam, settings_for):
    settings = settings_for(evaluate_every=2, checkpoint_every=2)
    trainee, trainer = prepare(settings, make_exam(32), tmp_path)
    dev = make_exam(10, seed=1)
    scorer = DevScorer(dev, trainee, settings)
    found = run_training(
        trainer, tmp_path, settings, tracker=NoTracker(), dev=DevSet(dev, scorer.score)
    )
    graded = {p.step: p.values["dev_map_at_3"] for p in found.curve if "dev_map_at_3" in p.values}
    assert set(graded) == {2, 4}
    assert graded[found.best_step] == max(graded.values())
    np.testing.assert_array_equal(found.dev.scores.values, scorer.score().values)
