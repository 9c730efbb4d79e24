"""A binary head that is trained: right or wrong for each option."""

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file

from llmexam.errors import ModelError, SettingsError
from llmexam.lm.decoder.probe import plain_answers
from llmexam.lm.decoder.requests import whole_text
from llmexam.solvers.registry import create_solver
from llmexam.testing import check_resume
from llmexam.tracking.tracker import NoTracker
from llmexam.training.causal_lm.binary_head import load_with_head, score_every_token
from llmexam.training.causal_lm.estimate import estimate
from llmexam.training.causal_lm.grading import DevScorer
from llmexam.training.causal_lm.loop import DecoderTrainer
from llmexam.training.causal_lm.model import load_trainee
from llmexam.training.causal_lm.objective import head_logits, total_loss
from llmexam.training.causal_lm.rows import collate
from llmexam.training.decoders.cost import find_shape
from llmexam.training.decoders.memory import memory, model_shape, n_trained
from llmexam.training.prompts.examples import ExampleMaker, Examples
from llmexam.training.registry import create_trainer


@pytest.fixture
def judging(settings_for):
    """Return a function that makes settings of a binary head."""

    def make(**values):
        return settings_for("binary-head", objective="binary-head", **values)

    return make


@pytest.fixture
def fitted(judging, make_exam, tmp_path):
    """Return a function that trains for a few steps, and the settings it trained with."""

    def fit(name="out", **values):
        settings = judging(**{"learning_rate": 1e-2, **values})
        trainer = create_trainer("causal-lm", settings.model_dump())
        folder, dev = tmp_path / name, make_exam(12, seed=1)
        return trainer.fit(make_exam(32), dev, folder, card={}, tracker=NoTracker()), settings

    return fit


def prepare(settings, exam, folder):
    transformers.set_seed(settings.seed)
    trainee = load_trainee(settings)
    examples = Examples(exam, settings, ExampleMaker(settings, trainee.tokenizer, trainee.longest))
    return trainee, examples, DecoderTrainer(trainee, examples, settings, folder)


def solver_for(folder):
    return create_solver("causal-lm", {"model": str(folder), "precision": "fp32"})


@pytest.mark.parametrize(
    "lora", [pytest.param(None, marks=pytest.mark.slow), {"r": 4}], ids=["full", "lora"]
)
def test_training_and_scoring_read_and_give_the_same(fitted, make_exam, lora):
    found, settings = fitted(lora=lora)
    dev = make_exam(12, seed=1)
    solver = solver_for(found.folder)
    scores = solver.score(dev.questions).values
    np.testing.assert_allclose(scores, found.dev_scores.values, atol=1e-5)
    trained = load_trainee(settings.model_copy(update={"model": str(found.folder), "lora": None}))
    maker = ExampleMaker(settings, trained.tokenizer, trained.longest)
    examples = [maker.make(question) for question in dev]
    asked = [[part.request for part in one.parts] for one in examples]
    assert [list(group) for group in solver.requests(dev.questions)] == asked
    # What the loss is made from is what the solver says.
    batch = collate(examples, [True] * len(examples), by_token=False, pad_id=trained.pad_id)
    names = ("input_ids", "position_ids", "attention_mask", "logits_to_keep")
    with torch.no_grad():
        logits = trained.model.eval()(**{name: batch[name] for name in names}).logits
    own = head_logits(logits, batch["asked"]).reshape(scores.shape)
    np.testing.assert_allclose(own, scores, atol=1e-5)
    assert np.ptp(scores) > 0.1


def test_the_folder_is_what_others_load(fitted, make_exam):
    found, _ = fitted()
    model, told = transformers.AutoModelForSequenceClassification.from_pretrained(
        found.folder, output_loading_info=True
    )
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    assert (type(model).__name__, model.config.num_labels) == ("LlamaForSequenceClassification", 1)
    tokenizer = transformers.AutoTokenizer.from_pretrained(found.folder)
    question = make_exam(12, seed=1).questions[0]
    (prompts,) = solver_for(found.folder).prompts([question])
    batch = tokenizer(prompts, return_tensors="pt", padding=True, return_token_type_ids=False)
    with torch.inference_mode():
        logits = model.eval()(**batch).logits[:, 0]
    np.testing.assert_allclose(logits, found.dev_scores.values[0], atol=1e-5)
    assert found.card.training["objective"] == "binary-head"


def classifier(kind):
    torch.manual_seed(0)
    sizes = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    more = {**sizes, "intermediate_size": 32, "num_key_value_heads": 1, "num_labels": 1}
    config = {
        "llama": lambda: transformers.LlamaConfig(**more),
        "gpt2": lambda: transformers.GPT2Config(
            vocab_size=50, n_embd=16, n_layer=2, n_head=2, num_labels=1
        ),
        "gemma2": lambda: transformers.Gemma2Config(**more, head_dim=8, sliding_window=40),
        "qwen2": lambda: transformers.Qwen2Config(**more),
    }[kind]()
    config.initializer_range = 0.2
    model = transformers.AutoModelForSequenceClassification.from_config(config)
    # Without dropout, so that the same is computed twice.
    model.eval()
    return model


def make_examples():
    from llmexam.training.prompts.examples import Example, Part

    draw = np.random.default_rng(0)
    made = []
    for n_trunk, lengths, answer in ((12, (3, 1, 4), 2), (7, (2, 2, 5, 6, 1), 1)):
        trunk = draw.integers(4, 50, n_trunk).tolist()
        texts = [(*trunk, *draw.integers(4, 50, n).tolist()) for n in lengths]
        parts = tuple(Part(whole_text(text), i) for i, text in enumerate(texts))
        made.append(Example(parts, len(lengths), answer))
    return made


@pytest.mark.parametrize("shares", [True, False], ids=["shared", "alone"])
@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2", "gemma2"])
def test_loss_and_gradients_are_those_of_texts_read_alone(kind, shares):
    plain = classifier(kind)
    examples = make_examples()
    losses, own = [], []
    for one in examples:
        logits = torch.cat([plain_answers(plain, part.request) for part in one.parts])
        right = torch.nn.functional.one_hot(torch.tensor(one.answer), len(logits)).float()
        losses.append(torch.nn.functional.binary_cross_entropy_with_logits(logits, right))
        own.append(logits.detach())
    sum(losses).backward()

    model = classifier(kind)
    score_every_token(model)
    boolean = model.config._attn_implementation == "sdpa"
    batch = collate(examples, [True, True], by_token=False, shares=shares, boolean_mask=boolean)
    names = ("input_ids", "position_ids", "attention_mask", "logits_to_keep")
    logits = model(**{name: batch[name] for name in names}, use_cache=False).logits
    found = head_logits(logits, batch["asked"])
    np.testing.assert_allclose(found.detach(), torch.cat(own), atol=2e-5)
    loss = total_loss("binary-head")(logits, batch["labels"][0, 1:], batch["asked"])
    assert loss.item() == pytest.approx(sum(one.item() for one in losses), rel=1e-5)
    loss.backward()
    for (name, mine), theirs in zip(model.named_parameters(), plain.parameters(), strict=True):
        np.testing.assert_allclose(mine.grad, theirs.grad, atol=2e-5, err_msg=name)


@pytest.mark.slow
def test_a_stopped_training_of_adapters_and_head_goes_on(judging, make_exam, tmp_path):
    values = {"n_epochs": 2, "batch_size": 4, "gradient_accumulation": 2, "checkpoint_every": 2}
    settings = judging(**values, lora={"r": 2})
    exam = make_exam(16)

    def make():
        return create_trainer("causal-lm", settings.model_dump())

    whole = make().fit(exam, None, tmp_path / "whole", card={}, tracker=NoTracker())
    check_resume(make, exam, None, tmp_path / "killed", whole)
    adapters = load_file(tmp_path / "whole" / "adapter" / "adapter_model.safetensors")
    assert any("score" in name for name in adapters)


def test_training_goes_on_from_a_head(fitted, judging):
    found, settings = fitted()
    again = load_trainee(settings.model_copy(update={"model": str(found.folder), "seed": 9}))
    saved = transformers.AutoModelForSequenceClassification.from_pretrained(found.folder)
    assert torch.equal(again.decoder.score.weight, saved.score.weight)
    new = [load_trainee(judging(seed=seed)).decoder.score.weight for seed in (0, 0, 1)]
    assert torch.equal(new[0], new[1])
    assert not torch.equal(new[0], new[2])


def test_a_new_head_may_learn_faster(judging, make_exam, tmp_path):
    settings = judging(head_learning_rate=0.5)
    _, _, trainer = prepare(settings, make_exam(8), tmp_path)
    rates = {group["lr"]: len(group["params"]) for group in trainer.optimizer.param_groups}
    assert rates[0.5] == 1
    assert len(rates) == 2


def test_weights_and_objective_go_together(fitted, settings_for, tmp_path):
    found, _ = fitted()
    other = settings_for("options", model=str(found.folder))
    with pytest.raises(SettingsError, match="which objective 'answer' does not train"):
        load_trainee(other)
    three = classifier("llama").config
    three.num_labels = 3
    transformers.LlamaForSequenceClassification(three).save_pretrained(tmp_path / "three")
    with pytest.raises(ModelError, match="with one label, got 3"):
        load_with_head(find_shape(str(tmp_path / "three")), seed=0)
    body = transformers.LlamaModel(three)
    del body.layers[1]
    body.save_pretrained(tmp_path / "part")
    with pytest.raises(ModelError, match=r"weights are missing for 'model\.layers\.1"):
        load_with_head(find_shape(str(tmp_path / "part")), seed=0)


@pytest.mark.parametrize("lora", [None, {"r": 3}], ids=["full", "lora"])
def test_a_dry_run_counts_the_head_that_is_trained(judging, make_exam, base_folder, lora):
    settings = judging(lora=lora)
    shape = model_shape(find_shape(str(base_folder)), binary_head=True)
    model = load_trainee(settings).model
    assert n_trained(shape, settings) == sum(
        p.numel() for p in model.parameters() if p.requires_grad
    )
    if lora is None:
        assert shape.n_weights == sum(p.numel() for p in model.parameters())
    found = memory(shape, settings, n_tokens=100, n_logits=100)
    tokens = memory(model_shape(find_shape(str(base_folder))), settings, n_tokens=9, n_logits=100)
    assert found.logits == tokens.logits / len(load_trainee(settings).tokenizer)
    assert estimate(make_exam(8), settings).n_steps == 1


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.slow
def test_a_quantised_body_keeps_its_head(fitted):
    pytest.importorskip("bitsandbytes")
    found, settings = fitted(quantise="nf4", lora={"r": 4}, n_epochs=2)
    rounded = load_trainee(settings).decoder
    assert type(rounded.model.layers[0].mlp.up_proj).__name__ == "Linear4bit"
    assert type(rounded.score.modules_to_save["default"]) is torch.nn.Linear
    model = transformers.AutoModelForSequenceClassification.from_pretrained(found.folder)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    plain = load_trainee(settings).decoder.score.original_module.weight
    assert not torch.equal(model.score.weight, plain)


def test_a_head_over_16_bit_weights_has_32(judging, make_exam, caplog, capfd):
    settings = judging(precision="bf16", lora={"r": 2})
    trainee = load_trainee(settings)
    bits = {p.dtype for p in trainee.model.parameters() if not p.requires_grad}
    assert bits == {torch.bfloat16}
    assert {p.dtype for p in trainee.model.parameters() if p.requires_grad} == {torch.float32}
    assert trainee.shares
    found = DevScorer(make_exam(4, seed=1), trainee, settings).score().values
    assert np.isfinite(found).all()
    # Neither that requests are read alone, nor that a new head was not in the files.
    assert not caplog.records
    assert "MISSING" not in capfd.readouterr().err


def test_dev_scores_are_those_of_any_text_alone(judging, make_exam):
    settings = judging()
    trainee = load_trainee(settings)
    dev = make_exam(4, seed=1)
    scorer = DevScorer(dev, trainee, settings)
    found = scorer.score().values
    for row, asked in zip(found, scorer._asked, strict=True):
        with torch.no_grad():
            alone = [float(plain_answers(trainee.model, one.requests[0])) for one in asked]
        np.testing.assert_allclose(row, alone, atol=1e-5)
