import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.tiny_gemma import torch_logits

from llmexam.errors import ExamError, RunError, SettingsError
from llmexam.exam.exam import Exam
from llmexam.exam.writers import write_exam
from llmexam.lm.decoder import Continuation
from llmexam.lm.keras_models.causal_lora import ADAPTER_FILE
from llmexam.lm.models.loading import load_tokenizer, resolve_model
from llmexam.solvers.registry import create_solver
from llmexam.testing.trainers import check_resume
from llmexam.tracking.tracker import NoTracker
from llmexam.training.keras_base.progress import StepBar
from llmexam.training.keras_letters.data import scored_rows
from llmexam.training.keras_letters.trainer import KerasLettersTrainer
from llmexam.training.one_right import with_one_right
from llmexam.training.prompts.examples import ExampleMaker, Examples
from llmexam.training.registry import create_trainer
from llmexam.workflows.train.pipeline import train_recipe

pytestmark = pytest.mark.filterwarnings(
    # Of Keras on torch, whenever it turns a tensor into an array.
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)


def fit(settings, train, dev, folder, **more):
    return KerasLettersTrainer(settings).fit(
        train, dev, folder, card={}, tracker=NoTracker(), **more
    )


def losses(done):
    return [point.values["loss"] for point in done.curve]


def by_torch(folder, exam):
    made = create_solver("causal-lm", {"model": str(folder), "precision": "fp32"})
    return made.score(exam.questions).values


@pytest.fixture(scope="module")
def trained(settings_for, make_exam, tmp_path_factory):
    """A training by adapters, its settings, questions and dev questions."""
    settings = settings_for(checkpoint_every=2, evaluate_every=5, option_order="shuffled")
    rows, dev = make_exam(40), make_exam(12, seed=1)
    done = fit(settings, rows, dev, tmp_path_factory.mktemp("trained") / "model")
    return done, settings, rows, dev


def test_the_solver_gives_the_scores_of_the_training(trained, base_folder):
    done, _, _, dev = trained
    assert done.card.family == "causal-lm"
    assert done.card.encoding["template"] == "template.yaml"
    np.testing.assert_allclose(by_torch(done.folder, dev), done.dev_scores.values, atol=1e-4)
    assert {"dev_map_at_3"} <= done.card.metrics["after"].keys()
    old, new = (load_file(one / "model.safetensors") for one in (base_folder, done.folder))
    assert {name for name in old if not torch.equal(old[name], new[name])} == {
        f"model.layers.{i}.self_attn.{name}_proj.weight" for i in (0, 1) for name in "qv"
    }
    assert (done.folder / ADAPTER_FILE).is_file()


def test_the_loss_is_that_of_the_answer(trained, settings_for, make_exam, tmp_path, base_folder):
    # One step over all questions, so that the first loss is the mean over their targets.
    settings = settings_for(batch_size=8, max_steps=1, option_order="kept", lora_rank=None)
    rows = make_exam(8)
    done = fit(settings, rows, None, tmp_path / "model")
    maker = ExampleMaker(settings, load_tokenizer(resolve_model(str(base_folder))), None)
    requests = [one.parts[0].request for one in Examples(rows, settings, maker)._kept]
    # The letter and the end of the text.
    assert [len(one.targets) for one in requests] == [2] * 8
    logits = torch_logits(base_folder, [list(one.tokens) for one in requests])
    total = 0.0
    for one, values in zip(requests, logits, strict=True):
        logs = torch.log_softmax(torch.from_numpy(values), -1).numpy()
        places = range(one.start - 1, len(one.tokens) - 1)
        total -= sum(logs[i, one.tokens[i + 1]] for i in places)
    assert losses(done)[0] == pytest.approx(total / 16, rel=1e-4)


def test_the_torch_family_takes_the_same_steps(settings_for, make_exam, tmp_path):
    settings = settings_for(
        batch_size=4,
        gradient_accumulation=2,
        lora_rank=None,
        learning_rate=1e-3,
        schedule="linear",
        option_order="shuffled",
        weight_decay=0.01,
    )
    rows = make_exam(36)
    done = fit(settings, rows, None, tmp_path / "keras")
    ours = {"backend", "length_multiple", "parallel", "lora_rank", "lora_alpha", "lora_layers"}
    trainer = create_trainer("causal-lm", settings.model_dump(exclude=ours))
    expected = trainer.fit(rows, None, tmp_path / "torch", card={}, tracker=NoTracker())
    np.testing.assert_allclose(losses(done), losses(expected), rtol=2e-3)
    exam = make_exam(6, seed=1)
    np.testing.assert_allclose(
        by_torch(done.folder, exam), by_torch(expected.folder, exam), atol=2e-2
    )


def with_several_right(exam):
    """Give every second question a second right option, and the last one no wrong option."""
    questions = list(exam)
    for i in range(1, len(questions), 2):
        right = tuple(sorted({questions[i].answer, (questions[i].answer + 1) % 4}))
        questions[i] = replace(questions[i], answer=right[0], right=right)
    questions[-1] = replace(questions[-1], answer=0, right=(0, 1, 2, 3))
    return Exam(tuple(questions))


def test_right_options_are_no_wrong_ones(settings_for, make_exam, tmp_path):
    rows = with_several_right(make_exam(12))
    settings = settings_for(batch_size=4, lora_rank=None, option_order="kept")
    done = fit(settings, rows, None, tmp_path / "several")
    expected = fit(settings, with_one_right(rows), None, tmp_path / "one")
    assert losses(done) == losses(expected)


@pytest.mark.parametrize("family", ["keras-letters", "causal-lm"])
def test_the_estimate_is_of_the_questions_that_are_trained_on(settings_for, make_exam, family):
    settings = settings_for(option_order="kept", lora_rank=None)
    own = {"backend", "length_multiple", "parallel", "lora_rank", "lora_alpha", "lora_layers"}
    values = settings.model_dump(exclude=own if family == "causal-lm" else set())
    rows = with_several_right(make_exam(17))
    found = create_trainer(family, values).estimate(rows)
    assert found.n_questions == 16
    assert found.n_tokens == create_trainer(family, values).estimate(with_one_right(rows)).n_tokens


@pytest.mark.slow
def test_a_skill_is_learned(settings_for, make_exam, tmp_path):
    settings = settings_for(n_epochs=8, lora_rank=None, learning_rate=3e-3)
    done = fit(settings, make_exam(384), make_exam(40, seed=1), tmp_path / "model")
    before, after = (done.card.metrics[name]["dev_map_at_3"] for name in ("before", "after"))
    assert after > max(before, 0.7)


@pytest.mark.slow
def test_a_killed_training_ends_with_the_same_weights(trained, tmp_path):
    done, settings, rows, dev = trained
    check_resume(lambda: KerasLettersTrainer(settings), rows, dev, tmp_path / "killed", done)


def test_requests_that_differ_in_the_last_token_share_a_row():
    requests = [
        Continuation((1, 2, 3, 7), 3),
        Continuation((1, 2, 3, 8), 3),
        Continuation((1, 2, 3, 4, 9), 3),
    ]
    rows, owners = scored_rows(requests)
    assert [row.ids.tolist() for row in rows] == [[1, 2, 3], [1, 2, 3, 4]]
    assert [row.at.tolist() for row in rows] == [[2, 2], [2, 3]]
    assert [row.targets.tolist() for row in rows] == [[7, 8], [4, 9]]
    assert owners == [[0, 1], [2, 2]]


@pytest.mark.parametrize("template", ["letters", "options"])
def test_shipped_templates_are_scored_as_by_the_solver(
    settings_for, make_exam, base_folder, template
):
    dev = make_exam(3)
    settings = settings_for(encoding={"template": template})
    made = KerasLettersTrainer(settings).prepare(make_exam(4, seed=2), dev, 1)
    found = made.dev.grade().scores.values
    solver = create_solver(
        "causal-lm",
        {"model": str(base_folder), "template": template, "passages": 1, "precision": "fp32"},
    )
    np.testing.assert_allclose(found, solver.score(dev.questions).values, atol=1e-4)


def test_bad_settings_and_questions_are_refused(settings_for, make_exam, tmp_path):
    for values, text in [
        ({"label_smoothing": 0.1}, "label_smoothing"),
        ({"freeze_embeddings": True}, "freezes all weights already"),
        ({"lora_rank": None, "lora_layers": ("query",)}, "Set `lora_rank`"),
        ({"encoding": {"template": "yes_no"}}, "of mode 'yes-no'.*letters or options"),
    ]:
        with pytest.raises(SettingsError, match=text):
            KerasLettersTrainer(settings_for(**values)).check_machine()
    unknown = Exam(tuple(replace(question, answer=None) for question in make_exam(3)))
    with pytest.raises(ExamError, match="without an answer"):
        fit(settings_for(), unknown, None, tmp_path / "a")


def test_a_template_that_changed_is_not_resumed(settings_for, make_exam, tmp_path, monkeypatch):
    template = tmp_path / "own.yaml"
    began = Path(settings_for().encoding.template).read_text()
    template.write_text(began)
    settings = settings_for(encoding={"template": str(template)}, checkpoint_every=1)
    folder, rows = tmp_path / "model", make_exam(24)

    def stop(self, step):
        if step == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(StepBar, "advance", stop)
        with pytest.raises(KeyboardInterrupt):
            fit(settings, rows, None, folder)
    template.write_text(began.replace("{{ prompt }}", "{{ prompt }} edited"))
    with pytest.raises(RunError, match="the template has changed"):
        fit(settings, rows, None, folder)
    template.write_text(began)
    assert (fit(settings, rows, None, folder).folder / "template.yaml").read_text() == began


def test_the_estimate_needs_no_weights(settings_for, make_exam, base_folder, tmp_path):
    for path in base_folder.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    found = KerasLettersTrainer(settings_for(model=str(tmp_path))).estimate(make_exam(20))
    assert (found.n_questions, found.n_steps, found.seconds) == (20, 3, None)
    assert "adapters of rank 4 are trained" in found.details["weights"]
    assert found.details["answer tokens, learned"] == "40 per epoch"


def test_a_recipe_is_graded_by_the_solver_of_decoders(settings_for, make_exam, tmp_path):
    write_exam(tmp_path / "train.jsonl", make_exam(16), format="jsonl")
    # Another question text, or the training questions would be in the test.
    test = Exam(tuple(replace(q, prompt="w1 w2 w3 .") for q in make_exam(6, seed=1)))
    write_exam(tmp_path / "test.jsonl", test, format="jsonl")
    settings = {**settings_for(max_steps=2).model_dump(mode="json", exclude_unset=True)}
    recipe = {
        "title": "letters",
        "family": "keras-letters",
        "train": str(tmp_path / "train.jsonl"),
        "report_on": str(tmp_path / "test.jsonl"),
        "settings": settings,
    }
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    train_recipe(tmp_path / "recipe.yaml", tmp_path / "out")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["exams"]["test"]["after"]["metrics"][0]["name"] == "map_at_3"


JAX = """
import json, sys
from pathlib import Path
from llmexam.exam.parsers.formats import read_exam
from llmexam.tracking.tracker import NoTracker
from llmexam.training.registry import create_trainer

exam, folder, values = read_exam(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
done = create_trainer("keras-letters", values).fit(
    exam, exam, folder, card={}, tracker=NoTracker()
)
print(json.dumps([p.values["loss"] for p in done.curve]))
"""


@pytest.mark.slow
def test_jax_takes_the_same_steps(settings_for, make_exam, tmp_path):
    pytest.importorskip("jax")
    settings = settings_for(length_multiple=64, max_steps=3)
    exam = make_exam(16)
    done = fit(settings, exam, exam, tmp_path / "torch")
    write_exam(tmp_path / "exam.jsonl", exam, format="jsonl")
    values = {**settings.model_dump(mode="json"), "backend": "jax"}
    arguments = [str(tmp_path / "exam.jsonl"), str(tmp_path / "jax"), json.dumps(values)]
    ran = subprocess.run(
        [sys.executable, "-c", JAX, *arguments],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    np.testing.assert_allclose(json.loads(ran.stdout.splitlines()[-1]), losses(done), rtol=1e-4)
    np.testing.assert_allclose(
        by_torch(tmp_path / "jax", exam), by_torch(done.folder, exam), atol=1e-3
    )


@pytest.mark.slow
def test_a_real_decoder_learns(settings_for, make_exam, shared_models, tmp_path):
    settings = settings_for(
        model=str(shared_models / "gemma-3-270m"),
        encoding={"template": "alpaca"},
        max_steps=6,
        batch_size=2,
        learning_rate=5e-4,
    )
    dev = make_exam(4, seed=1)
    done = fit(settings, make_exam(24), dev, tmp_path / "model")
    assert losses(done)[-1] < losses(done)[0]
    # The adapters are merged into weights in bf16.
    np.testing.assert_allclose(by_torch(done.folder, dev), done.dev_scores.values, atol=0.1)
