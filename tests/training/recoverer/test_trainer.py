import json

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from llmexam.errors import ExamError, ModelError, SettingsError
from llmexam.lm.models.card import ModelCard, read_card
from llmexam.recovery.prompting import Prompter, PromptingSettings
from llmexam.recovery.trained_rows import TrainedRows, read_trained_rows
from llmexam.testing import check_trainer
from llmexam.tracking.tracker import NoTracker
from llmexam.training.recoverer.grading import DevRewrites
from llmexam.training.recoverer.head import summed_loss
from llmexam.training.recoverer.loop import PromptTrainer
from llmexam.training.recoverer.model import load_trainee
from llmexam.training.recoverer.rows import collate
from llmexam.training.recoverer.trainer import RecovererTrainer
from llmexam.training.rewrites.examples import Examples


def fit(settings, train, dev, folder, **more):
    return RecovererTrainer(settings).fit(train, dev, folder, card={}, tracker=NoTracker(), **more)


@pytest.mark.slow
def test_it_satisfies_the_contract_of_trainers(settings_for, make_rewrites, tmp_path):
    def make(**values):
        values = {"checkpoint_every": 2, "n_epochs": 2, "evaluate_every": 3, **values}
        return RecovererTrainer(settings_for(**values))

    done = check_trainer(
        make,
        make_rewrites(32),
        make_rewrites(12, seed=1),
        tmp_path,
        accumulate={"batch_size": 8, "lora": {"r": 4, "alpha": 8}},
    )
    assert done.card.family == "recoverer"
    assert read_trained_rows(done.folder) == TrainedRows.of(make_rewrites(32))
    assert read_card(done.folder).encoding == {
        "format": "plain",
        "instructions": "text",
        "max_text_tokens": 16,
    }
    assert (done.folder / "adapter" / "adapter_model.safetensors").is_file()
    assert done.dev_scores is None
    losses = {p.step: p.values["dev_loss"] for p in done.curve if "dev_loss" in p.values}
    assert sorted(losses) == [3, 6, 8]
    assert done.best_step == min(losses, key=losses.get)
    assert done.card.metrics["after"] == {"dev_loss": losses[done.best_step]}
    assert done.card.metrics["after"]["dev_loss"] < done.card.metrics["before"]["dev_loss"]


@pytest.mark.slow
def test_a_tiny_model_learns_the_prompts(settings_for, make_rewrites, tmp_path):
    settings = settings_for(
        lora=None, n_epochs=4, learning_rate=1e-2, evaluate_every=100, dev_generated=24, seed=1
    )
    dev = make_rewrites(24, seed=1)
    done = fit(settings, make_rewrites(240), dev, tmp_path / "model")
    after = done.card.metrics["after"]
    assert after["dev_loss"] < 0.15
    assert after["dev_exact_match"] > 0.8
    assert after["dev_sharpened_cosine"] > 0.8
    assert done.card.metrics["before"]["dev_exact_match"] == 0
    names = {name for point in done.curve for name in point.values}
    assert {"dev_loss", "dev_exact_match", "dev_sharpened_cosine"} <= names


def test_the_loss_is_that_of_the_prompt_tokens_alone(settings_for, make_rewrites):
    settings = settings_for()
    trainee = load_trainee(settings)
    trainee.model.eval()
    examples = Examples(make_rewrites(6), settings, trainee.tokenizer, None)
    inputs = collate(list(examples), [True] * 5 + [False], pad_id=0)
    with torch.no_grad():
        total, logits = summed_loss(trainee.model, trainee.decoder, inputs)
    assert logits.shape == (examples.n_targets.sum(), len(trainee.tokenizer))
    expected = 0.0
    for one in list(examples)[:5]:
        ids = torch.from_numpy(one.ids)[None]
        with torch.no_grad():
            logs = F.log_softmax(trainee.decoder(input_ids=ids).logits[0], dim=-1)
        places = torch.arange(one.start - 1, one.n_tokens - 1)
        expected -= float(logs[places, torch.from_numpy(one.targets)].sum())
    assert float(total) == pytest.approx(expected, rel=1e-5)
    # The hook is gone: all positions have logits again.
    ids = inputs["input_ids"]
    assert trainee.decoder(input_ids=ids).logits.shape[:2] == ids.shape


def test_an_example_is_the_question_and_the_prompt_with_its_end(settings_for, make_rewrites):
    settings = settings_for()
    trainee = load_trainee(settings)
    items = make_rewrites(3)
    examples = Examples(items, settings, trainee.tokenizer, None)
    prompter = Prompter(trainee.tokenizer, settings.prompting)
    for row, one in zip(items, examples, strict=True):
        assert one.ids[: one.start].tolist() == prompter.encode(row.original, row.rewritten)
        assert trainee.tokenizer.decode(one.targets).split() == [*row.prompt.split(), "</s>"]


@pytest.mark.parametrize(
    "limit",
    [pytest.param(1, marks=pytest.mark.slow), 60, pytest.param(10_000, marks=pytest.mark.slow)],
)
def test_passes_of_fewer_tokens_take_the_same_steps(settings_for, make_rewrites, tmp_path, limit):
    curves = []
    for tokens_per_pass in (10_000, limit):
        settings = settings_for(
            lora={"r": 4}, tokens_per_pass=tokens_per_pass, gradient_accumulation=2
        )
        done = fit(settings, make_rewrites(33), None, tmp_path / str(tokens_per_pass))
        curves.append([(p.values["loss"], p.values["grad_norm"]) for p in done.curve])
        if limit == tokens_per_pass:
            break
    np.testing.assert_allclose(curves[-1], curves[0], rtol=1e-4)


def test_dev_loss_does_not_depend_on_passes(settings_for, make_rewrites, tmp_path):
    dev = make_rewrites(20, seed=1)
    found = []
    for limit in (1, 100, 10_000):
        settings = settings_for(tokens_per_pass=limit)
        trainee = load_trainee(settings)
        examples = Examples(dev, settings, trainee.tokenizer, None)
        trainer = PromptTrainer(trainee, examples, settings, tmp_path)
        graded = DevRewrites(dev, trainee, settings, trainer.compute_loss_context_manager).grade()
        assert graded.value == graded.loss
        found.append(graded.loss)
    assert found == pytest.approx([found[0]] * 3, rel=1e-5)


def test_gradient_checkpointing_changes_no_step(settings_for, make_rewrites, tmp_path):
    curves = []
    for is_on in (False, True):
        settings = settings_for(gradient_checkpointing=is_on, lora={"r": 4})
        done = fit(settings, make_rewrites(24), None, tmp_path / str(is_on))
        curves.append([(p.values["loss"], p.values["grad_norm"]) for p in done.curve])
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-5)


def test_only_named_layers_get_adapters(settings_for, make_rewrites, tmp_path):
    targets = ["q_proj", "v_proj"]
    settings = settings_for(lora={"r": 1, "alpha": 2, "targets": targets}, max_steps=1)
    done = fit(settings, make_rewrites(8), None, tmp_path / "model")
    told = json.loads((done.folder / "adapter" / "adapter_config.json").read_text())
    assert sorted(told["target_modules"]) == targets
    found = RecovererTrainer(settings).estimate(make_rewrites(8))
    # Two layers; q: 32 to 32, v: 32 to 16, rank 1.
    assert "; 224 trainable" in found.details["weights"]
    with pytest.raises(SettingsError, match="adapters cannot be added"):
        load_trainee(settings_for(lora={"targets": ["none"]}))


def test_what_is_cut_is_told(settings_for, make_rewrites, tmp_path):
    settings = settings_for(
        prompting=PromptingSettings(instructions="text", max_text_tokens=8).model_dump(),
        max_prompt_tokens=2,
        max_steps=1,
    )
    train = make_rewrites(40)
    done = fit(settings, train, None, tmp_path / "model")
    n_cut = sum(len(row.rewritten.split()) > 8 for row in train)
    assert n_cut
    assert f"a text of {n_cut} of 40 training rows was cut to 8 tokens" in done.notes
    assert "the prompt of 40 of 40 training rows was cut to 2 tokens" in done.notes
    found = RecovererTrainer(settings).estimate(train)
    n_texts = n_cut + sum(len(row.original.split()) > 8 for row in train)
    assert (found.n_truncated, found.share_cut) == (n_cut, n_texts / 80)
    assert (
        found.n_tokens
        == Examples(train, settings, load_trainee(settings).tokenizer, None).n_tokens.sum()
    )


def test_bad_settings_and_rows_are_refused(settings_for, make_rewrites, tmp_path):
    for values, text in [
        ({"label_smoothing": 0.1}, "label_smoothing"),
        ({"head_learning_rate": 1e-3}, "head_learning_rate"),
        ({"lora": None, "quantise": "int8"}, "Set `lora`"),
    ]:
        with pytest.raises(SettingsError, match=text):
            RecovererTrainer(settings_for(**values)).check_machine()
    with pytest.raises(ExamError, match="prompt of this row is not known"):
        fit(settings_for(), make_rewrites(3).without_prompts(), None, tmp_path / "a")
    with pytest.raises(ExamError, match="no training rows"):
        fit(settings_for(), make_rewrites(0), None, tmp_path / "b")
    settings = settings_for()
    tokenizer = load_trainee(settings).tokenizer
    with pytest.raises(ModelError, match=r"row with id 'r0-0' has \d+ tokens.*limit of 9"):
        Examples(make_rewrites(1), settings, tokenizer, 9)


def test_the_card_is_of_the_model_family(tmp_path):
    from llmexam.training.model_page import model_page

    card = ModelCard(family="recoverer", base_model="base", base_weights_hash="0" * 64)
    page = model_page(card, ["a note"])
    assert "# A recoverer of prompts" in page
    assert "options" not in page
    assert "- a note" in page
