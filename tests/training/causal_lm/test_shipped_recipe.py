"""The shipped recipe of Llama-2-13B, unchanged but for model and files, on a tiny Llama."""

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from safetensors.torch import load_file

from llmexam.evaluation.metrics import map_at_k
from llmexam.exam.parsers import read_exam
from llmexam.exam.writers import write_exam
from llmexam.sample import EXAM_PATH
from llmexam.solvers.registry import create_solver
from llmexam.training.base.checkpoints import complete_checkpoints
from llmexam.workflows.train.pipeline import dry_run

RECIPE = Path(__file__).parents[3] / "recipes" / "llama2_13b_sft.yaml"
PARTS = {"train": range(48), "dev": range(48, 60), "official": range(60, 75)}

# The command as torchrun starts it. Sums go through gloo: the kernel for one machine's processors
# would be compiled for minutes.
COMMAND = """
import deepspeed.ops

deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False

from llmexam.__main__ import main

main()
"""


def byte_pair_tokenizer():
    """A tokenizer in the manner of Llama's, trained on the sample exam."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1000,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(EXAM_PATH.read_text("utf-8").splitlines(), trainer)
    core.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )


@pytest.fixture(scope="module")
def changes(tmp_path_factory):
    """What is set beside the recipe: the model, and files there are."""
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("llama")
    tokenizer = byte_pair_tokenizer()
    tokenizer.save_pretrained(folder / "model")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=1024,
        bos_token_id=1,
        eos_token_id=2,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder / "model")
    exam = read_exam(EXAM_PATH)
    for name, rows in PARTS.items():
        write_exam(folder / f"{name}.csv", exam.subset(list(rows)), format="kaggle")
    return {
        "settings.model": str(folder / "model"),
        "train": str(folder / "train.csv"),
        "dev": str(folder / "dev.csv"),
        "report_on": str(folder / "official.csv"),
    }


@pytest.mark.slow
def test_it_dry_runs(changes, tmp_path):
    nested = {name: value for name, value in changes.items() if "." not in name}
    nested["settings"] = {"model": changes["settings.model"]}
    found = dry_run(RECIPE, tmp_path / "out", changes=nested)
    # Batches of 4 x 4, two epochs.
    assert found.estimate.n_steps == 2 * 3
    for name in ("memory on a single GPU", "memory per GPU, 8 processes"):
        assert " GB: weights " in found.estimate.details[name]
    # It reads no passages, so none are missed.
    assert found.findings == ()
    assert not list(tmp_path.rglob("*.safetensors"))


@pytest.mark.slow
@pytest.mark.skipif(find_spec("deepspeed") is None, reason="DeepSpeed is not installed")
def test_it_trains_in_two_processes(changes, tmp_path):
    out = tmp_path / "out"
    (tmp_path / "command.py").write_text(COMMAND)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    launch += ["--nproc-per-node", "2", str(tmp_path / "command.py")]
    told = [word for name, value in changes.items() for word in ("--set", f"{name}={value}")]
    with (tmp_path / "log.txt").open("w") as log:
        child = subprocess.Popen(
            [*launch, "train", str(RECIPE), "--out", str(out), *told],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=log,
            stderr=log,
        )
        states = set()
        while child.poll() is None:
            states.update(state.name for state in complete_checkpoints(out / "model"))
            time.sleep(0.02)
    said = (tmp_path / "log.txt").read_text()
    assert child.returncode == 0, said[-3000:]
    # 48 questions in steps of 2 x 4 x 4, twice; the end is saved whatever the thousand.
    assert states == {"checkpoint-4"}

    model = out / "model"
    card = json.loads((model / "llmexam.json").read_text())
    trained = card["training"]
    assert (trained["precision"], trained["deepspeed"], trained["lora"]) == ("bf16", "zero2", None)
    curve = json.loads((model / "training.json").read_text())["curve"]
    assert max(point["step"] for point in curve) == 4
    losses = [point["loss"] for point in curve if "loss" in point]
    # A random model knows nothing of 1,000 tokens.
    assert losses[0] == pytest.approx(6.9, abs=0.5)
    assert (model / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "training.html").read_text().count("<svg") >= 2  # loss and learning rate
    assert "# A causal-lm model for multiple-choice exams" in (model / "README.md").read_text()
    before, after = (
        load_file(Path(folder) / "model.safetensors")
        for folder in (changes["settings.model"], model)
    )
    moved = [name for name in after if not after[name].equal(before[name].bfloat16().float())]
    assert len(moved) > len(after) / 2

    results = json.loads((out / "results.json").read_text())
    exam = read_exam(changes["report_on"])
    scores = create_solver("causal-lm", {"model": str(model)}).score(exam.questions)
    assert scores.values.shape == (len(exam), 5)
    graded = results["exams"]["official"]["after"]["metrics"][0]["estimate"]["value"]
    assert map_at_k(scores.ranking, exam.answers) == pytest.approx(graded)
