"""Trainings in processes of their own: killed, and several at once."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from llmexam.training.base.checkpoints import complete_checkpoints

PROGRAM = f"""
import importlib.util, json, os, sys, time
from pathlib import Path

spec = importlib.util.spec_from_file_location("tiny", {str(Path(__file__).with_name("tiny.py"))!r})
tiny = importlib.util.module_from_spec(spec)
sys.modules["tiny"] = tiny
spec.loader.exec_module(tiny)

import transformers
from llmexam.lm.models.card import ModelCard
from llmexam.tracking.tracker import NoTracker
from llmexam.training.trained_model import write_trained_model
from llmexam.training.base.loop import run_training


class Slow(transformers.TrainerCallback):
    def on_step_begin(self, args, state, control, **kwargs):
        time.sleep(float(os.environ.get("SECONDS_A_STEP", "0")))


folder, given = Path(sys.argv[1]), json.loads(sys.argv[2])
dropout = given.pop("dropout_of_model", 0.1)
settings = tiny.settings(**given)
model = tiny.tiny_model(dropout=dropout)
trainer = tiny.tiny_trainer(model, folder, settings, 32)
trainer.add_callback(Slow())
done = run_training(
    trainer, folder, settings, tracker=NoTracker(), dev=tiny.tiny_dev(model)
)
card = ModelCard(family="multiple-choice", base_model="none", base_weights_hash="")
write_trained_model(
    folder,
    model.save_pretrained,
    card,
    curve=done.curve,
    best_step=done.best_step,
    dev_scores=done.dev.scores if done.dev else None,
)
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def run(command, **environment):
    done = subprocess.run(
        command,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done


def curve(folder):
    told = json.loads((folder / "training.json").read_text())
    return [
        {name: value for name, value in point.items() if name != "seconds"}
        for point in told["curve"]
    ]


@pytest.mark.slow
def test_a_training_killed_by_the_system_ends_as_if_it_had_not_been(program, tmp_path):
    given = json.dumps({"checkpoint_every": 2, "evaluate_every": 3, "ema_decay": 0.9})
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run([sys.executable, program, whole, given])

    child = subprocess.Popen(
        [sys.executable, program, killed, given],
        env={**os.environ, "OMP_NUM_THREADS": "1", "SECONDS_A_STEP": "0.2"},
    )
    deadline = time.monotonic() + 120
    while len(complete_checkpoints(killed)) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert child.returncode == -signal.SIGKILL
    assert complete_checkpoints(killed)
    assert not (killed / "llmexam.json").exists()

    run([sys.executable, program, killed, given])
    assert curve(killed) == curve(whole)
    for name in ("model.safetensors", "dev_scores.json"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(program, tmp_path):
    given = {"checkpoint_every": 3, "dropout_of_model": 0.0}
    one, two = tmp_path / "one", tmp_path / "two"
    run([sys.executable, program, one, json.dumps({**given, "batch_size": 8})])
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    launch += ["--master-port", str(free_port())]
    done = run([*launch, program, two, json.dumps({**given, "batch_size": 4})])
    assert done.stdout == ""
    alone, together = curve(one), curve(two)
    assert [point["step"] for point in together] == list(range(1, 9))
    for mine, theirs in zip(alone, together, strict=True):
        assert theirs == {name: pytest.approx(value, rel=1e-3) for name, value in mine.items()}
    lines = (two / "curve.jsonl").read_text().splitlines()
    assert len(lines) == len((one / "curve.jsonl").read_text().splitlines())
    assert not (two / "checkpoints").exists()
