import pytest

from llmexam.errors import ModelError
from llmexam.lm.models.loading import resolve_model

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from llmexam.lm.readers.reader import Reader, TokenBatch, load_reader  # noqa: E402

LENGTHS = [7, 7, 4, 12, 2]
SIZE = dict(
    vocab_size=30,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=32,
    max_position_embeddings=40,
)
FAMILIES = {
    "bert": lambda: transformers.BertConfig(**SIZE),
    "roberta": lambda: transformers.RobertaConfig(**SIZE, type_vocab_size=1, pad_token_id=1),
    "electra": lambda: transformers.ElectraConfig(**SIZE, embedding_size=16),
    "deberta-v2": lambda: transformers.DebertaV2Config(
        **SIZE, relative_attention=True, pos_att_type=["c2p", "p2c"], type_vocab_size=0
    ),
    "modernbert": lambda: transformers.ModernBertConfig(
        **SIZE, pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2
    ),
    "distilbert": lambda: transformers.DistilBertConfig(
        vocab_size=30, dim=16, n_layers=2, n_heads=2, hidden_dim=32, max_position_embeddings=40
    ),
}
KINDS = {
    "multiple-choice": "AutoModelForMultipleChoice",
    "classification": "AutoModelForSequenceClassification",
}


@pytest.fixture
def folder_of(tmp_path):
    """Return a function that writes a tiny model, with a head for a task or without any."""

    def make(family="bert", task=None, n_outputs=1):
        config = FAMILIES[family]()
        config.num_labels = n_outputs
        torch.manual_seed(1)
        kind = getattr(transformers, KINDS[task] if task else "AutoModel")
        model = kind.from_config(config)
        with torch.no_grad():
            # Fresh biases are 0 and norms 1, which would hide a mix-up.
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.2)
        folder = tmp_path / f"{family}-{task}"
        model.save_pretrained(folder)
        return resolve_model(str(folder))

    return make


def batch(family="bert", lengths=LENGTHS):
    generator = torch.Generator().manual_seed(0)
    n = sum(lengths)
    ids = torch.randint(3, 30, (n,), generator=generator)
    kinds = torch.randint(0, 2, (n,), generator=generator)
    if family in ("roberta", "modernbert", "distilbert", "deberta-v2"):
        kinds = torch.zeros_like(kinds)
    return TokenBatch(ids, kinds, torch.tensor(lengths))


def expected_logits(model, tokens, task, head=None):
    """What transformers says of each sequence alone, without padding."""
    rows = []
    lengths = tokens.lengths.tolist()
    for ids, kinds in zip(tokens.ids.split(lengths), tokens.types.split(lengths), strict=True):
        inputs = {"input_ids": ids[None]}
        if getattr(model.config, "type_vocab_size", 0) > 1:
            inputs["token_type_ids"] = kinds[None]
        if head is not None:
            rows.append(head(model(**inputs).last_hidden_state.mean(1))[0])
        elif task == "multiple-choice":
            inputs = {name: value[None] for name, value in inputs.items()}
            rows.append(model(**inputs).logits[0])
        else:
            rows.append(model(**inputs).logits[0])
    return torch.stack(rows)


def assert_same_gradients(reader, other, get_expected, tokens):
    """Both give the same logits, and the same gradients of all weights."""
    given = reader(tokens.ids, tokens.types, tokens.lengths)
    expected = get_expected()
    torch.testing.assert_close(given, expected, atol=1e-5, rtol=0)
    weights = torch.randn(given.shape, generator=torch.Generator().manual_seed(2))
    (given * weights).sum().backward()
    (expected * weights).sum().backward()
    found = {name: p.grad for name, p in reader.model.named_parameters() if p.grad is not None}
    wanted = {name: p.grad for name, p in other.named_parameters() if p.grad is not None}
    assert found.keys() == wanted.keys()
    assert found
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, atol=2e-5, rtol=1e-4, msg=name)


@pytest.mark.parametrize("family", list(FAMILIES))
@pytest.mark.parametrize("task", list(KINDS))
def test_native_head_and_its_gradients_are_those_of_transformers(folder_of, family, task):
    folder = folder_of(family, task, n_outputs=1 if task == "multiple-choice" else 3)
    reader = load_reader(folder, head="native", task=task)
    assert reader.pads == (family != "bert")
    other = getattr(transformers, KINDS[task]).from_pretrained(folder.path, dtype=torch.float32)
    tokens = batch(family)
    assert_same_gradients(
        reader, other.eval(), lambda: expected_logits(other, tokens, task), tokens
    )


@pytest.mark.parametrize("family", list(FAMILIES))
def test_mean_head_and_its_gradients_are_those_of_transformers(folder_of, family):
    folder = folder_of(family)
    reader = load_reader(folder, head="mean", n_outputs=2, new_head=True, seed=3)
    other = transformers.AutoModel.from_pretrained(folder.path, dtype=torch.float32).eval()
    tokens = batch(family)
    assert_same_gradients(
        reader, other, lambda: expected_logits(other, tokens, "", reader.head), tokens
    )
    assert all(p.grad is not None for p in reader.head.parameters())


@pytest.mark.parametrize("head", ["native", "mean"])
@pytest.mark.parametrize("save_memory", [False, True])
def test_dropout_draws_as_often_as_it_should(folder_of, head, save_memory):
    reader = load_reader(folder_of(), head=head, new_head=True, dropout=0.5)
    tokens = batch()
    still = reader(tokens.ids, tokens.types, tokens.lengths)
    reader.train()
    if save_memory:
        reader.gradient_checkpointing_enable()
    torch.manual_seed(0)
    first = reader(tokens.ids, tokens.types, tokens.lengths)
    assert not torch.allclose(first, reader(tokens.ids, tokens.types, tokens.lengths))
    torch.manual_seed(0)
    torch.testing.assert_close(first, reader(tokens.ids, tokens.types, tokens.lengths))
    assert not torch.allclose(first, still)


@pytest.mark.parametrize("family", ["bert", "electra"])
def test_checkpointed_gradients_are_the_same(folder_of, family):
    folder = folder_of(family, "multiple-choice")
    gradients = []
    for save_memory in (False, True):
        reader = load_reader(folder, head="native", dropout=0.3).train()
        if save_memory:
            reader.gradient_checkpointing_enable()
        tokens = batch(family)
        torch.manual_seed(5)
        reader(tokens.ids, tokens.types, tokens.lengths).square().sum().backward()
        gradients.append({n: p.grad for n, p in reader.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], msg=name)


def test_no_dropout_where_zero_is_asked_for(folder_of):
    reader = load_reader(folder_of(), head="mean", new_head=True, dropout=0.0)
    tokens = batch()
    still = reader(tokens.ids, tokens.types, tokens.lengths)
    torch.testing.assert_close(still, reader.train()(tokens.ids, tokens.types, tokens.lengths))


@pytest.mark.parametrize("head", ["native", "mean"])
def test_padded_attention_of_gpus_is_the_same(folder_of, head, monkeypatch):
    from llmexam.lm.encoding import packed_bert

    reader = load_reader(folder_of(), head=head, new_head=True)
    tokens = batch()
    runs = reader(tokens.ids, tokens.types, tokens.lengths)
    monkeypatch.setattr(packed_bert, "_attend_runs", packed_bert._attend_padded)
    padded = reader(tokens.ids, tokens.types, tokens.lengths)
    torch.testing.assert_close(runs, padded, atol=1e-5, rtol=0)


@pytest.mark.parametrize("family", ["bert", "electra"])
@pytest.mark.parametrize("head", ["native", "mean"])
def test_bf16_autocast_gives_nearly_the_same_in_float32(folder_of, family, head):
    reader = load_reader(folder_of(family), head=head, new_head=True).train()
    reader.eval()
    tokens = batch(family)
    exact = reader(tokens.ids, tokens.types, tokens.lengths)
    with torch.autocast("cpu", torch.bfloat16):
        near = reader(tokens.ids, tokens.types, tokens.lengths)
    assert near.dtype == torch.float32
    torch.testing.assert_close(exact, near, atol=0.05, rtol=0.05)
    assert not torch.equal(exact, near)


@pytest.mark.parametrize("family", ["bert", "deberta-v2"])
@pytest.mark.parametrize(
    ("head", "task"), [("native", "classification"), ("mean", "classification")]
)
def test_a_saved_reader_reads_the_same(folder_of, tmp_path, family, head, task):
    reader = load_reader(
        folder_of(family), head=head, task=task, n_outputs=3, new_head=True, seed=1
    )
    reader.save(tmp_path / "saved")
    saved = resolve_model(str(tmp_path / "saved"))
    again = load_reader(saved, head=head, task=task)
    tokens = batch(family)
    first = reader(tokens.ids, tokens.types, tokens.lengths)
    assert first.shape == (len(LENGTHS), 3)
    assert torch.equal(first, again(tokens.ids, tokens.types, tokens.lengths))
    if head == "native":
        plain = transformers.AutoModelForSequenceClassification.from_pretrained(saved.path)
        assert plain.config.num_labels == 3


def test_the_hash_of_weights_covers_the_mean_head(folder_of, tmp_path):
    hashes = set()
    for seed in (0, 1):
        load_reader(folder_of(), head="mean", new_head=True, seed=seed).save(tmp_path / str(seed))
        hashes.add(resolve_model(str(tmp_path / str(seed))).weights_hash)
    assert len(hashes) == 2


@pytest.mark.parametrize("head", ["native", "mean"])
def test_a_head_is_never_drawn_unasked(folder_of, head):
    with pytest.raises(ModelError, match="head"):
        load_reader(folder_of(), head=head)


def test_missing_weights_of_the_body_are_an_error_with_a_new_head_too(folder_of):
    from safetensors.torch import load_file, save_file

    folder = folder_of()
    weights = load_file(folder.weight_files[0])
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder.weight_files[0], metadata={"format": "pt"})
    for head in ("native", "mean"):
        with pytest.raises(ModelError, match=r"layer\.1\.output\.dense"):
            load_reader(folder, head=head, new_head=True)


@pytest.mark.parametrize("head", ["native", "mean"])
@pytest.mark.parametrize("family", ["bert", "deberta-v2", "electra"])
def test_the_seed_alone_decides_a_new_head(folder_of, head, family):
    def draw(folder, seed):
        tokens = batch(family)
        reader = load_reader(folder, head=head, new_head=True, seed=seed)
        return reader(tokens.ids, tokens.types, tokens.lengths)

    folder = folder_of(family)
    first = draw(folder, 1)
    torch.manual_seed(99)
    assert torch.equal(first, draw(folder, 1))
    assert not torch.allclose(first, draw(folder, 2))


def test_weights_are_float32_whatever_the_folder_says(folder_of):
    folder = folder_of("bert", "multiple-choice")
    model = transformers.AutoModelForMultipleChoice.from_pretrained(
        folder.path, dtype=torch.bfloat16
    )
    model.save_pretrained(folder.path)
    reader = load_reader(folder, head="native")
    assert {p.dtype for p in reader.parameters()} == {torch.float32}


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_adapters_in_place_of_linear_layers_are_used(folder_of):
    peft = pytest.importorskip("peft")
    reader = load_reader(folder_of("bert", "multiple-choice"), head="native")
    tokens = batch()
    before = reader(tokens.ids, tokens.types, tokens.lengths)
    peft.get_peft_model(
        reader.model, peft.LoraConfig(r=2, target_modules=["query", "value", "dense"])
    )
    with torch.no_grad():
        for name, parameter in reader.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
    after = reader(tokens.ids, tokens.types, tokens.lengths)
    assert not torch.allclose(before, after)
    expected = expected_logits(reader.model, tokens, "multiple-choice")
    torch.testing.assert_close(after, expected, atol=1e-4, rtol=1e-4)


def test_a_batch_lays_sequences_end_to_end():
    class One:
        def __init__(self, ids, types):
            self.ids, self.types = ids, types

    tokens = TokenBatch.of([One([5, 6], [0, 1]), One([7], [0])])
    assert tokens.ids.tolist() == [5, 6, 7]
    assert tokens.types.tolist() == [0, 1, 0]
    assert tokens.lengths.tolist() == [2, 1]


def test_every_parameter_gets_a_gradient(folder_of):
    # DistributedDataParallel waits for each.
    for head in ("native", "mean"):
        reader = load_reader(folder_of(), head=head, new_head=True)
        assert isinstance(reader, Reader)
        tokens = batch()
        reader(tokens.ids, tokens.types, tokens.lengths).sum().backward()
        assert [n for n, p in reader.named_parameters() if p.grad is None] == []
