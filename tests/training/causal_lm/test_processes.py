"""ZeRO-2 in two processes of torchrun: the steps of one, killed and resumed."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file

from llmexam.training.base.checkpoints import complete_checkpoints

pytest.importorskip("deepspeed")

PROGRAM = """
import json, os, sys, time
from pathlib import Path

import deepspeed.ops
import transformers
from llmexam.exam.parsers import read_exam
from llmexam.tracking.tracker import NoTracker
from llmexam.training.causal_lm import trainer as room
from llmexam.training.registry import create_trainer


# Sums go through gloo: the kernel for one machine's processors would be compiled for minutes.
deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


class Slow(transformers.TrainerCallback):
    def on_step_begin(self, args, state, control, **kwargs):
        time.sleep(float(os.environ.get("SECONDS_A_STEP", "0")))


plain = room.DecoderTrainer


def slowed(*args, **kwargs):
    made = plain(*args, **kwargs)
    made.add_callback(Slow())
    return made


room.DecoderTrainer = slowed
train, dev, folder, settings = sys.argv[1:]
trainer = create_trainer("causal-lm", json.loads(settings))
trainer.fit(read_exam(train), read_exam(dev), Path(folder), card={}, tracker=NoTracker())
"""


@pytest.fixture
def command(tmp_path, make_exam, settings_for):
    """Return a function that gives the command of a training."""
    from llmexam.exam.writers import write_exam

    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    write_exam(tmp_path / "train.jsonl", make_exam(40), format="jsonl")
    write_exam(tmp_path / "dev.jsonl", make_exam(12, seed=1), format="jsonl")

    def make(folder, n_processes, **values):
        given = settings_for(
            **{"n_epochs": 2, "gradient_accumulation": 2, "checkpoint_every": 2, **values}
        )
        launch = [sys.executable]
        if n_processes > 1:
            launch += ["-m", "torch.distributed.run", "--nproc-per-node", str(n_processes)]
            launch += ["--master-port", str(free_port())]
        files = [program, tmp_path / "train.jsonl", tmp_path / "dev.jsonl", folder]
        return [*map(str, [*launch, *files]), given.model_dump_json()]

    return make


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def environment(**more):
    return {**os.environ, "OMP_NUM_THREADS": "1", **more}


def run(command):
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def kill(child):
    """Kill torchrun and its workers, which have sessions of their own and would train on."""
    torchrun = psutil.Process(child.pid)
    family = [torchrun, *torchrun.children(recursive=True)]
    for one in family:
        one.kill()
    child.wait()
    psutil.wait_procs(family)


def curve(folder: Path):
    told = json.loads((folder / "training.json").read_text())
    return [
        {name: value for name, value in point.items() if name != "seconds"}
        for point in told["curve"]
    ]


@pytest.mark.slow
@pytest.mark.parametrize("lora", [None, {"r": 4}], ids=["full", "lora"])
def test_zero_2_takes_the_steps_of_one_process_and_goes_on_when_killed(
    command, tmp_path, base_folder, lora
):
    one, two, killed = (tmp_path / name for name in ("one", "two", "killed"))
    # 40 questions: the last step of an epoch has fewer passes than the others.
    # Without decay: DeepSpeed's one group of weights would decay norms, too.
    same = {"weight_decay": 0.0, "lora": lora, "learning_rate": 3e-3 if lora is None else 3e-2}
    run(command(one, 1, batch_size=8, **same))
    sharded = {"batch_size": 4, "deepspeed": "zero2", **same}
    run(command(two, 2, **sharded))
    alone, together = curve(one), curve(two)
    assert [point["step"] for point in together] == [1, 2, 3, 4, 5, 6]
    assert together[-1]["loss"] < together[0]["loss"]
    for mine, theirs in zip(alone, together, strict=True):
        assert theirs["loss"] == pytest.approx(mine["loss"], rel=1e-3)
        # The Trainer tells the rate of the next step under DeepSpeed, so it is not compared.
        for name in theirs.keys() - {"loss", "learning_rate"}:
            assert theirs[name] == pytest.approx(mine[name], rel=1e-3)

    child = subprocess.Popen(
        command(killed, 2, **sharded),
        env=environment(SECONDS_A_STEP="2"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 400
    while not complete_checkpoints(killed) and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    kill(child)
    assert complete_checkpoints(killed)
    assert not (killed / "llmexam.json").exists()
    run(command(killed, 2, **sharded))
    assert curve(killed) == curve(two)
    if lora is not None:
        base, plain = (load_file(folder / "model.safetensors") for folder in (base_folder, two))
        moved = {name for name in plain if not np.array_equal(plain[name], base[name])}
        assert len(moved) == 2 * 7  # the linear layers, and nothing else
        adapters = [folder / "adapter" / "adapter_model.safetensors" for folder in (two, killed)]
        assert adapters[0].read_bytes() == adapters[1].read_bytes()
    mine, theirs = (load_file(folder / "model.safetensors") for folder in (two, killed))
    assert mine.keys() == theirs.keys()
    for name in mine:
        np.testing.assert_array_equal(theirs[name], mine[name])


@pytest.mark.slow
@pytest.mark.parametrize("lora", [None, {"r": 4}], ids=["full", "lora"])
def test_zero_2_trains_a_binary_head_as_one_process_does(command, tmp_path, templates, lora):
    one, two = tmp_path / "one", tmp_path / "two"
    same = {
        "objective": "binary-head",
        "encoding": {"template": templates["binary-head"]},
        "weight_decay": 0.0,
        "lora": lora,
    }
    run(command(one, 1, batch_size=8, **same))
    run(command(two, 2, batch_size=4, deepspeed="zero2", **same))
    alone, together = curve(one), curve(two)
    assert [point["step"] for point in together] == [1, 2, 3, 4, 5, 6]
    for mine, theirs in zip(alone, together, strict=True):
        for name in theirs.keys() - {"learning_rate"}:
            assert theirs[name] == pytest.approx(mine[name], rel=1e-3)
    mine, theirs = (load_file(folder / "model.safetensors") for folder in (one, two))
    assert mine.keys() == theirs.keys()
    assert mine["score.weight"].shape == (1, 32)
    for name in mine:
        np.testing.assert_allclose(theirs[name], mine[name], atol=1e-4)
